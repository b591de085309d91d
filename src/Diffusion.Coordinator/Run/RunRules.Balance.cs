using System.Collections.Immutable;
using System.Globalization;

namespace Diffusion.Coordinator.Run;

/// <summary>Who computes how many shards. In exact mode the result does not depend on it, so speed alone decides.</summary>
internal static partial class RunRules
{
    /// <summary>A worker that needs this many times the median for a shard is a straggler.</summary>
    private const double StragglerRatio = 1.3;

    /// <summary>Shards move only where that shortens the computing of a step by this part; moving them costs a pause.</summary>
    private const double LeastGain = 0.1;

    /// <summary>Keeps the worker's pace, and its speed for generations to come.</summary>
    private static WorkerState Paced(Draft draft, WorkerState worker, ProgressMade progress)
    {
        if (progress.Steps < 1 || draft.State.Current?.Plan.Member(worker.Id) is not { } member)
        {
            return worker;
        }

        var needed = draft.Timeouts.Lease;
        var pace = worker.Pace is null ? new WorkerPace() : worker.Pace.Add(progress.Steps, progress.Seconds, progress.ComputeSeconds + progress.DataWaitSeconds, needed);
        double shardsPerRank = (double)member.ShardCount / member.Ranks.Length;
        return worker with { Pace = pace, ShardSeconds = pace.IsKnown(needed) ? pace.StepSeconds / shardsPerRank : worker.ShardSeconds };
    }

    /// <summary>
    /// The shards of each rank: by the shares set by hand if there are any; else in proportion to measured speeds where a straggler makes that worth while; else evenly,
    /// which costs the least exchange.
    /// </summary>
    private static ImmutableArray<RankShards> Spread(RunState state, WorkerState[] chosen, int[] used)
    {
        int shards = state.Settings.Shards;
        var even = ShardSpread.Even(shards, used.Sum());
        if (chosen.Any(worker => worker.Share > 0))
        {
            return ShardSpread.Spread(shards, PerRank(chosen.Select((worker, i) => (worker.Share > 0 ? worker.Share : 1) / used[i]), used));
        }

        double median = LowerMedian(chosen.Select(worker => worker.ShardSeconds).Where(seconds => seconds > 0));
        if (!state.Settings.MovesShards || !chosen.Any(worker => worker.ShardSeconds > StragglerRatio * median))
        {
            return even;
        }

        double[] seconds = PerRank(chosen.Select(worker => worker.ShardSeconds > 0 ? worker.ShardSeconds : median), used);
        var measured = ShardSpread.Spread(shards, [.. seconds.Select(each => 1 / each)]);
        return StepSeconds(measured, seconds) <= (1 - LeastGain) * StepSeconds(even, seconds) ? measured : even;
    }

    /// <summary>Why shards should move now; null when they should not.</summary>
    private static string? Straggling(Draft draft)
    {
        var state = draft.State;
        var plan = state.Current!.Plan;
        var members = plan.Members.Select(member => state.Workers.GetValueOrDefault(member.WorkerId)).OfType<WorkerState>().ToArray();
        if (!state.Settings.MovesShards || plan.Members.Length < 2 || members.Length < plan.Members.Length || draft.Now < state.NoMoveBefore
            || members.Any(member => member.Share > 0 || member.Pace?.IsKnown(draft.Timeouts.Lease) != true || member.ShardSeconds <= 0))
        {
            return null;
        }

        int[] used = [.. plan.Members.Select(member => member.Ranks.Length)];
        var present = plan.Members.SelectMany(member => member.Ranks).ToImmutableArray();
        var next = Spread(state, members, used);
        double[] seconds = PerRank(members.Select(member => member.ShardSeconds), used);
        var (now, then) = (StepSeconds(present, seconds), StepSeconds(next, seconds));
        return then <= (1 - LeastGain) * now
            ? $"{WhoIsSlow(members)}: shards move from {Shares(plan.Members)} to {Shares(next, used)}, which should shorten the computing of a step from {Milliseconds(now)} to {Milliseconds(then)}."
            : null;
    }

    private static string WhoIsSlow(WorkerState[] members)
    {
        double median = LowerMedian(members.Select(member => member.ShardSeconds));
        var slowest = members.MaxBy(member => member.ShardSeconds)!;
        double ratio = slowest.ShardSeconds / median;
        return ratio > StragglerRatio
            ? string.Create(CultureInfo.InvariantCulture, $"{slowest.Name} needs {Milliseconds(slowest.ShardSeconds)} a shard over the last {WorkerPace.StepsNeeded} steps, {ratio:0.0} times the median")
            : string.Create(CultureInfo.InvariantCulture, $"No worker needs more than {StragglerRatio} times the median for a shard any more");
    }

    /// <summary>Of two workers the faster one's: one slow box of two is as much a straggler as one of three.</summary>
    private static double LowerMedian(IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered.Length == 0 ? 0 : ordered[(ordered.Length - 1) / 2];
    }

    private static double[] PerRank(IEnumerable<double> ofWorkers, int[] used) => [.. ofWorkers.SelectMany((value, i) => Enumerable.Repeat(value, used[i]))];

    /// <summary>The slowest rank decides.</summary>
    private static double StepSeconds(ImmutableArray<RankShards> ranks, double[] shardSeconds) => ranks.Select((rank, i) => (rank.End - rank.First) * shardSeconds[i]).Max();

    private static string Shares(IEnumerable<MemberPlan> members) => string.Join(" + ", members.Select(member => member.ShardCount));

    private static string Shares(ImmutableArray<RankShards> ranks, int[] used) =>
        string.Join(" + ", used.Select((count, i) => ranks.Skip(used.Take(i).Sum()).Take(count).Sum(rank => rank.End - rank.First)));

    private static string Milliseconds(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:0.0} ms");
}
