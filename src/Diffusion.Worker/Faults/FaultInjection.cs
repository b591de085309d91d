using System.Runtime.InteropServices;
using Diffusion.Native.Collectives;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Faults;

/// <summary>Makes this process fail at named points, when a test asks for it. Without <see cref="FaultPlan.Variable"/> each point is one comparison with null.</summary>
internal static partial class FaultInjection
{
    private const int Kill = 9;
    private const int Stop = 19;
    private static Armed[]? armed;
    private static ILogger? log;

    private sealed class Armed(FaultPlan plan)
    {
        public FaultPlan Plan { get; } = plan;

        public int Happened;

        public bool IsDueAt(FaultPoint point, long step) => Plan.Point == point && step >= Plan.Step && Volatile.Read(ref Happened) == 0;
    }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="Contracts.Configuration.ConfigurationException">It holds something that is no fault.</exception>
    public static void Arm(ILogger logger)
    {
        if (Environment.GetEnvironmentVariable(FaultPlan.Variable) is not { Length: > 0 } text)
        {
            return;
        }

        log = logger;
        armed = [.. FaultPlan.ParseAll(text).Select(plan => new Armed(plan))];
        logger.LogWarning("This worker will fail on purpose: {Faults}", string.Join("; ", armed.Select(fault => fault.Plan)));
    }

    /// <summary>The process is at a point.</summary>
    /// <param name="point">Where.</param>
    /// <param name="step">The step in flight, or that of the state being moved or saved.</param>
    public static void At(FaultPoint point, long step)
    {
        if (armed is { } faults)
        {
            foreach (var fault in faults.Where(fault => fault.IsDueAt(point, step)))
            {
                Happen(fault, step);
            }
        }
    }

    /// <summary>The transport itself, or one that fails inside or between the exchanges of an all-reduce.</summary>
    /// <param name="transport">For one all-reduce only; its first exchange is that about the length.</param>
    /// <param name="step">The step in flight.</param>
    public static IPeerTransport Around(IPeerTransport transport, Func<long> step) =>
        armed is { } faults && faults.Any(fault => fault.Plan.Point is FaultPoint.MidBucket or FaultPoint.BetweenBuckets) ? new FaultTransport(transport, step) : transport;

    /// <summary>Whether something will happen at the next passage of this point in this step.</summary>
    public static bool IsDue(FaultPoint point, long step) => armed is { } faults && faults.Any(fault => fault.IsDueAt(point, step));

    private static void Happen(Armed fault, long step)
    {
        var plan = fault.Plan;
        if (plan.Action != FaultAction.Slow)
        {
            if (Interlocked.Exchange(ref fault.Happened, 1) != 0)
            {
                return;
            }

            log?.LogWarning("Failing on purpose at step {Step}: {Fault}", step, plan);
        }

        switch (plan.Action)
        {
            case FaultAction.Kill:
                _ = Signal(Environment.ProcessId, Kill);
                break;
            case FaultAction.Stop:
                _ = Signal(Environment.ProcessId, Stop);
                return;
        }

        // A hang, a slow passage, or the moment until a killed process is gone.
        using var never = new ManualResetEventSlim();
        never.Wait(plan.Seconds is { } seconds ? TimeSpan.FromSeconds(seconds) : Timeout.InfiniteTimeSpan);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
