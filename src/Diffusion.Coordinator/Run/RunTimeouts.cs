namespace Diffusion.Coordinator.Run;

/// <summary>All waiting times of a run. They only make sense in a certain order, so one factor scales them together and nobody sets them one by one.</summary>
internal sealed record RunTimeouts
{
    private RunTimeouts(double scale)
    {
        Scale = scale;
        Heartbeat = Seconds(0.25);
        Settle = Seconds(0.3);
        Suspect = Seconds(1.5);
        Lease = Seconds(3);
        Collective = Seconds(8);
        StepMinimum = Seconds(10);
        Reattach = Seconds(12);
        Rebalance = Seconds(60);
        Farewell = Seconds(5);
        GiveUp = Seconds(600);
    }

    public double Scale { get; }

    /// <summary>Interval between a worker's signs of life.</summary>
    public TimeSpan Heartbeat { get; init; }

    /// <summary>How long workers that are about to be ready are waited for before a generation is formed without them.</summary>
    public TimeSpan Settle { get; init; }

    /// <summary>Silence after which a worker is shown as suspect.</summary>
    public TimeSpan Suspect { get; init; }

    /// <summary>Silence after which a worker is lost. Workers redial more often, so that one that lives is back within it after a restart of the coordinator.</summary>
    public TimeSpan Lease { get; init; }

    /// <summary>Longest wait for one exchange between ranks, once all have done their shards; and for ranks to reach one another.</summary>
    public TimeSpan Collective { get; init; }

    /// <summary>Least time without a completed step that counts as a hang; longer for runs with longer steps.</summary>
    public TimeSpan StepMinimum { get; init; }

    /// <summary>Time from Join to the session, and for members to come back after a restart of the coordinator while nobody waits for them.</summary>
    public TimeSpan Reattach { get; init; }

    /// <summary>Least time between two moves of shards for speed.</summary>
    public TimeSpan Rebalance { get; init; }

    /// <summary>Time to say goodbye to workers when the run is over.</summary>
    public TimeSpan Farewell { get; init; }

    /// <summary>Longest first step of a run while no worker has done its part of it, so that nothing is known about its length; and how long workers wait for a coordinator that is gone.</summary>
    public TimeSpan GiveUp { get; init; }

    public static RunTimeouts Scaled(double scale) => scale is >= 0.1 and <= 1000
        ? new RunTimeouts(scale)
        : throw new ArgumentOutOfRangeException(nameof(scale), scale, "The timeout scale must be in 0.1...1000; below 0.1 leases are shorter than a busy machine's hiccups.");

    /// <summary>Every pair of waiting times whose order makes no sense: who waits for something must wait longer than that something may take.</summary>
    public IEnumerable<string> Problems()
    {
        (string Name, TimeSpan Value)[] ascending =
        [
            ("heartbeat", Heartbeat), ("suspect", Suspect), ("lease", Lease), ("collective", Collective), ("step deadline", StepMinimum), ("rejoin", Reattach), ("give-up", GiveUp),
        ];
        foreach (var (shorter, longer) in ascending.Zip(ascending[1..]))
        {
            if (shorter.Value >= longer.Value)
            {
                yield return FormattableString.Invariant(
                    $"The {shorter.Name} timeout is {shorter.Value.TotalSeconds} s and the {longer.Name} timeout {longer.Value.TotalSeconds} s; each must be shorter than the next of {string.Join(" < ", ascending.Select(each => each.Name))}. Scale all of them with --timeout-scale.");
            }
        }
    }

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

    /// <summary>Time after which the very first step of a run counts as a hang for those who have not done their part: five times what it took the others, connecting included.</summary>
    public TimeSpan FirstStepDeadline(TimeSpan others) => TimeSpan.FromTicks(Math.Clamp((long)(5 * others.Ticks * Math.Max(1, Scale)), StepMinimum.Ticks, GiveUp.Ticks));

    private TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds * Scale);
}
