namespace Diffusion.Native.Collectives.Nccl;

/// <summary>How long the ranks' devices may take to be connected, and to be let go.</summary>
public sealed record NcclOptions
{
    /// <summary>The longest time until all ranks are connected.</summary>
    /// <value>30 s.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest time for giving a communicator up, or closing it in order.</summary>
    /// <value>5 s.</value>
    public TimeSpan EndTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Told when a communicator was not let go in that time: its threads hold the device, and only the end of the process frees it. On a thread of its own.</summary>
    /// <value>Null: the communicator is left behind.</value>
    public Action<string>? Stuck { get; init; }
}
