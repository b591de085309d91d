using Diffusion.Contracts.Configuration;

namespace Diffusion.Worker.Session;

/// <summary>A worker's waiting times, scaled together like the coordinator's.</summary>
internal sealed record WorkerTimeouts(double Scale)
{
    /// <summary>First wait before redialling; doubles up to <see cref="RedialLongest"/>, with jitter of a half. Two attempts fit into a lease, which is what a restarted coordinator waits.</summary>
    public TimeSpan RedialFirst => Seconds(0.1);

    public TimeSpan RedialLongest => Seconds(1);

    /// <summary>Longest attempt to open a connection.</summary>
    public TimeSpan Connect => Seconds(3);

    /// <summary>Silence after which the connection is asked whether it still stands; no library asks sooner than after a second.</summary>
    public TimeSpan PingDelay => TimeSpan.FromSeconds(Math.Max(1, Scale));

    /// <summary>Longest wait for the answer.</summary>
    public TimeSpan PingTimeout => TimeSpan.FromSeconds(Math.Max(1, 3 * Scale));

    /// <summary>How long a worker without its coordinator goes on.</summary>
    public TimeSpan GiveUp { get; init; } = TimeSpan.FromSeconds(600 * Scale);

    /// <summary>One attempt to reach the coordinator.</summary>
    public TimeSpan Call => Seconds(5);

    /// <summary>How long somebody who leaves waits to be let go; the step in flight has to end first.</summary>
    public TimeSpan Leave => Seconds(120);

    /// <summary>Interval of progress events.</summary>
    public TimeSpan Progress => Seconds(0.25);

    public static WorkerTimeouts Scaled(double scale) => scale is >= 0.1 and <= 1000
        ? new WorkerTimeouts(scale)
        : throw new ConfigurationException(FormattableString.Invariant($"The timeout scale is {scale}; it must be in 0.1...1000. Use the coordinator's."));

    private TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds * Scale);
}
