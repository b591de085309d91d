using Diffusion.Coordinator.Run;
using Xunit.Abstractions;

namespace Diffusion.Coordinator.Tests.Run;

/// <summary>Whatever happens in whatever order, some things never do.</summary>
public sealed class RunRulesPropertyTests(ITestOutputHelper output)
{
    private const int Sequences = 300;
    private const int EventsPerSequence = 200;

    [Fact]
    public void Decide_RandomEvents_KeepsItsPromises()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        for (int i = 0; i < Sequences; i++)
        {
            Play(seed + i);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20260101)]
    public void Decide_FixedSeeds_KeepsItsPromises(int seed) => Play(seed);

    private static void Play(int seed)
    {
        var random = new Random(seed);
        var run = new Scenario(
            shards: 1 << random.Next(5), workersToStart: random.Next(1, 4), minimumWorkers: 1, maximumWorkers: 6, steps: 30);
        long generation = 0;
        int joined = 0;
        var ids = new List<string>();
        for (int i = 0; i < EventsPerSequence; i++)
        {
            var before = run.State;
            string id = ids.Count > 0 && random.Next(8) > 0 ? ids[random.Next(ids.Count)] : NewId();
            Happen(run, random, id);
            Check(run, before, ref generation, seed);
        }

        string NewId()
        {
            ids.Add($"w{joined++}");
            return ids[^1];
        }
    }

    private static void Happen(Scenario run, Random random, string id)
    {
        run.State.Workers.TryGetValue(id, out var worker);
        long generation = random.Next(6) == 0 ? random.Next(5) : worker?.Generation ?? 0;
        long step = Math.Max(-1, (worker?.CompletedStep ?? -1) + random.Next(2));
        switch (random.Next(14))
        {
            case 0 or 1: run.Join(id, ranks: random.Next(1, 4), sees: random.Next(3) > 0); break;
            case 2 or 3: run.Open(id, generation); break;
            case 4 or 5 or 6: run.Do(new ReadySaid(id, generation, step, step < 0 ? "" : $"d{step}", "r", random.Next(20) == 0)); break;
            case 7: run.Do(new SessionClosed(id, worker?.Session ?? 5, "broke.")); break;
            case 8: run.Do(new CollectiveBroke(id, generation, "broke", random.Next(-1, 4), step, "")); break;
            case 9: run.Do(new ProgressMade(id, generation, step, step * 8, 1, 0.1, 0.1, 0, 0, 1, 0.1, 8)); break;
            case 10: run.Do(new HeartbeatCame(id, generation, new WorkerActivity("compute", 6, step))); break;
            case 11: run.Do(new LeaveAsked(id, "wish.")); break;
            case 12 when random.Next(20) == 0: run.Do(new StopRequested("enough.")); break;
            default: run.Pass(random.Next(1, 15) / 10.0, silent: random.Next(3) == 0 ? [id] : []); break;
        }
    }

    private static void Check(Scenario run, RunState before, ref long generation, int seed)
    {
        string context = $"seed {seed}\n{run.Story}";
        Assert.True(run.State.Generation >= before.Generation, $"The generation went back. {context}");
        foreach (var formed in run.Journal.OfType<GenerationFormed>())
        {
            Assert.True(formed.Plan.Number > generation, $"Generation {formed.Plan.Number} follows {generation}. {context}");
            generation = formed.Plan.Number;
            CheckPlan(formed.Plan, run.Settings.Shards, context);
        }

        run.Journal.Clear();
        foreach (var command in run.LastCommands.OfType<SessionCommand>().Where(command => command is SendStart or SendAbort or SendPause))
        {
            bool known = run.State.Workers.TryGetValue(command.WorkerId, out var worker);
            Assert.True(known && worker!.Session == command.Session, $"{command} goes to a worker that is not there. {context}");
        }

        Assert.True(run.State.Current is null || run.State.Current.Number == run.State.Generation || run.State.Current.Number < run.State.Generation, context);
        Assert.True(run.State.Workers.Keys.All(id => !run.State.Removed.ContainsKey(id)), $"A worker is present and removed. {context}");
        Assert.True(run.State.Current is null || run.State.Outstanding.Any(), $"A generation goes on without members. {context}");
    }

    private static void CheckPlan(GenerationPlan plan, int shards, string context)
    {
        var ranks = plan.Members.SelectMany(member => member.Ranks).ToArray();
        Assert.True(ranks.Select(rank => rank.Rank).SequenceEqual(Enumerable.Range(0, ranks.Length)), $"Ranks are not in order. {context}");
        Assert.True(
            ranks.SelectMany(rank => Enumerable.Range(rank.First, rank.End - rank.First)).SequenceEqual(Enumerable.Range(0, shards)),
            $"Shards are not covered exactly once. {context}");
        Assert.True(ranks.All(rank => rank.End > rank.First), $"A rank has no shard. {context}");
        Assert.True(plan.Members.Count(member => member.WorkerId == plan.WriterId) == 1, $"There is not one writer. {context}");
    }
}
