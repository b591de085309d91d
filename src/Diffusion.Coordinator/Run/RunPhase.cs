namespace Diffusion.Coordinator.Run;

/// <summary>Where a run stands.</summary>
internal enum RunPhase
{
    /// <summary>Too few workers are ready.</summary>
    Waiting,

    /// <summary>Enough are ready; the generation is being formed, or re-formed after a loss.</summary>
    Forming,

    /// <summary>A generation trains.</summary>
    Training,

    /// <summary>Somebody asked the run to stop: it saves first.</summary>
    Stopping,

    /// <summary>The last step is done.</summary>
    Finished,

    /// <summary>Stopped as asked; the same command goes on from here.</summary>
    Stopped,

    /// <summary>The run cannot go on.</summary>
    Failed,
}
