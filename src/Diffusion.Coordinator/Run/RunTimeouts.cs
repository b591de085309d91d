namespace Diffusion.Coordinator.Run;

/// <summary>All waiting times of a run. They only make sense in this order, so one factor scales them together and nobody sets them one by one.</summary>
internal sealed record RunTimeouts
{
    private RunTimeouts(double scale) => Scale = scale;

    public double Scale { get; }

    /// <summary>Interval between a worker's signs of life.</summary>
    public TimeSpan Heartbeat => Seconds(0.25);

    /// <summary>How long workers that are about to be ready are waited for before a generation is formed without them.</summary>
    public TimeSpan Settle => Seconds(0.3);

    /// <summary>Silence after which a worker is shown as suspect.</summary>
    public TimeSpan Suspect => Seconds(1.5);

    /// <summary>Silence after which a worker is lost.</summary>
    public TimeSpan Lease => Seconds(3);

    /// <summary>Longest wait for one exchange between ranks.</summary>
    public TimeSpan Collective => Seconds(10);

    /// <summary>Least time without a completed step that counts as a hang; longer for runs with longer steps.</summary>
    public TimeSpan StepMinimum => Seconds(10);

    /// <summary>Time from Join to the session, and for members to come back after a restart of the coordinator (they redial every two seconds at most).</summary>
    public TimeSpan Reattach => Seconds(12);

    /// <summary>Least time between two moves of shards for speed.</summary>
    public TimeSpan Rebalance => Seconds(60);

    /// <summary>Time to say goodbye to workers when the run is over.</summary>
    public TimeSpan Farewell => Seconds(5);

    /// <summary>Longest first step of a generation, when nothing is known about the length of a step.</summary>
    public TimeSpan GiveUp => Seconds(600);

    public static RunTimeouts Scaled(double scale) => scale is >= 0.1 and <= 1000
        ? new RunTimeouts(scale)
        : throw new ArgumentOutOfRangeException(nameof(scale), scale, "The timeout scale must be in 0.1...1000; below 0.1 leases are shorter than a busy machine's hiccups.");

    /// <summary>Time without a completed step that counts as a hang: five usual steps, at least <see cref="StepMinimum"/>.</summary>
    /// <param name="medianStep">The usual step; null when none was seen yet.</param>
    /// <param name="firstStep">Whether the generation's first step is awaited: ranks connect and synchronise before it.</param>
    public TimeSpan StepDeadline(TimeSpan? medianStep, bool firstStep)
    {
        if (medianStep is not { } median)
        {
            return GiveUp;
        }

        var usual = TimeSpan.FromTicks(Math.Max(StepMinimum.Ticks, (long)(5 * median.Ticks * Math.Max(1, Scale))));
        return firstStep ? usual + Seconds(50) : usual;
    }

    private TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds * Scale);
}
