namespace Diffusion.Coordinator;

/// <summary>How a run ended.</summary>
public enum RunEnd
{
    /// <summary>The last step is done.</summary>
    Finished,

    /// <summary>Stopped as asked, saved; the same command goes on.</summary>
    Stopped,

    /// <summary>The run cannot go on.</summary>
    Failed,
}

/// <summary>The end of a run.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Reason">One sentence.</param>
/// <param name="ImagesSeen">Images seen by the run.</param>
/// <param name="Snapshots">EMA snapshots recorded.</param>
public sealed record RunOutcome(RunEnd End, string Reason, long ImagesSeen, long Snapshots);
