using System.Collections.Immutable;
using Diffusion.Contracts.Configuration;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Tests.Evaluations;

/// <summary>The queue's rules, without clocks, files or sockets.</summary>
public sealed class EvaluationRulesTests
{
    private const string Kind = "torch 1 cpu";
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly EvaluatorAbilities Able = new(Kind, ["fd", "swd", "external:x"], []);

    internal static EvaluationJob Job(int count = 10, string metric = "swd", double length = 0.1) => new()
    {
        Run = "tiny",
        RunId = "tiny-1",
        ImagesSeen = 1024,
        RelativeStd = length,
        Metrics = [new MetricRequest(metric, "aa")],
        Settings = ComponentConfig.Of("edm2-heun", ("steps", 2), ("guidance", 1)),
        Count = count,
        Batch = 2,
        PartSeeds = 4,
    };

    [Fact]
    public void Submit_Twice_IsOneJobInPartsThatDependOnSeedsAlone()
    {
        var queue = new Queue();
        string key = queue.Submit(Job());
        Assert.Equal(key, queue.Submit(Job() with { Run = "called otherwise" }));
        Assert.Single(queue.State.Jobs);
        Assert.Equal([new SeedRange(0, 4), new SeedRange(4, 4), new SeedRange(8, 2)], Job().Parts);
        Assert.NotEqual(key, Job(count: 11).Key);
    }

    [Fact]
    public void Submit_ScoresInTheCatalogue_IsDoneAtOnce()
    {
        var queue = new Queue();
        var known = Job().Expected(Job().Metrics[0]) with { Value = 3 };
        queue.Decide(new JobSubmitted(Job(), [known]));
        Assert.Equal((JobPhase.Done, 3.0), (queue.Only.Phase, queue.Only.Scores[0].Value));
        Assert.Null(queue.Ask("a"));
    }

    [Fact]
    public void Lease_TwoEvaluators_GetDifferentParts()
    {
        var queue = new Queue();
        queue.Submit(Job());
        Assert.Equal([0, 1, 2, null], new[] { queue.Ask("a"), queue.Ask("b"), queue.Ask("c"), queue.Ask("d") });
    }

    [Fact]
    public void Lease_SilentEvaluator_PartGoesToAnother()
    {
        var queue = new Queue();
        queue.Submit(Job(count: 4));
        Assert.Equal(0, queue.Ask("a"));
        Assert.Null(queue.Ask("b"));
        queue.Pass(9);
        Assert.True(queue.Renew("a", 0).Accepted);
        queue.Pass(9);
        Assert.Null(queue.Ask("b"));
        queue.Pass(2);
        Assert.Equal(0, queue.Ask("b"));
        var late = queue.Renew("a", 0);
        Assert.False(late.Accepted, late.Reason);
        Assert.True(queue.Measure("a", 0).Accepted, "What a slow evaluator measured is as good as any.");
        Assert.True(queue.Measure("b", 0).Accepted, "The same bytes again do no harm.");
    }

    [Fact]
    public void Renew_AfterTheServerWasRestarted_HasItsPartAgain()
    {
        var queue = new Queue();
        queue.Submit(Job());
        Assert.Equal(0, queue.Ask("a"));
        queue.Restart();
        Assert.True(queue.Renew("a", 0).Accepted);
        Assert.Equal(1, queue.Ask("b"));
    }

    [Fact]
    public void Measure_OtherBytesThanBefore_KeepsTheFirst()
    {
        var queue = new Queue();
        queue.Submit(Job());
        queue.Measure("a", 0);
        string before = queue.Only.Parts[0].Digest;
        var other = queue.Decide(new PartMeasured("b", "b", queue.Only.Key, 0, Kind, "ff"));
        Assert.False(other.Accepted);
        Assert.Contains("other bytes", other.Reason, StringComparison.Ordinal);
        Assert.Equal(before, queue.Only.Parts[0].Digest);
    }

    [Fact]
    public void Fail_ThreeTimes_FailsTheJobWithTheReasonAndGoesOnWhenSubmittedAgain()
    {
        var queue = new Queue();
        string key = queue.Submit(Job());
        queue.Measure("a", 1);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(0, queue.Ask("a"));
            queue.Decide(new TaskFailed("a", "box a", key, 0, "out of memory", IsFinal: false));
        }

        Assert.Equal(JobPhase.Failed, queue.Only.Phase);
        Assert.Equal("part 0 (seeds 0 to 3) failed 3 times, last at box a: out of memory", queue.Only.Reason);
        queue.Submit(Job());
        Assert.Equal((JobPhase.Measuring, true, 0), (queue.Only.Phase, queue.Only.Parts[1].IsDone, queue.Only.Parts[0].Failures));
    }

    [Fact]
    public void Fail_WhileOthersCould_GoesToAnother()
    {
        var queue = new Queue();
        string key = queue.Submit(Job(count: 4));
        queue.Ask("sick");
        queue.Ask("well");
        queue.Decide(new TaskFailed("sick", "sick", key, 0, "no disk", IsFinal: false));
        Assert.Null(queue.Ask("sick"));
        Assert.Equal(0, queue.Ask("well"));
    }

    [Fact]
    public void Lease_AnotherKindOfEvaluator_WaitsAndThenBeginsAnew()
    {
        var queue = new Queue();
        queue.Submit(Job());
        queue.Ask("a");
        queue.Measure("a", 0);
        var other = Able with { Numerics = "torch 2 cuda" };
        var refused = queue.Decide(new WorkWanted("b", "b", other));
        Assert.Contains(Kind, refused.Reason, StringComparison.Ordinal);
        queue.Pass(601);
        var granted = queue.Decide(new WorkWanted("b", "b", other));
        Assert.Equal(new GrantTask(queue.Only.Key, 0), granted.Commands.OfType<GrantTask>().Single());
        Assert.DoesNotContain(queue.Only.Parts, p => p.IsDone);
    }

    [Fact]
    public void Lease_TorchScriptNotTrusted_SaysWhatIsNeeded()
    {
        var queue = new Queue();
        string file = new('c', 64);
        queue.Submit(Job(metric: "fd") with { TrustedFeatures = file });
        var refused = queue.Decide(new WorkWanted("a", "a", Able));
        Assert.Empty(refused.Commands);
        Assert.Contains("--trust-features", refused.Reason, StringComparison.Ordinal);
        Assert.Single(queue.Decide(new WorkWanted("b", "b", Able with { Trusted = [file] })).Commands);
    }

    [Fact]
    public void Merge_OtherScoresThanAsked_AreRefused()
    {
        var queue = new Queue();
        string key = queue.Submit(Job(count: 2));
        queue.Measure("a", 0);
        Assert.Equal(1, queue.Ask("a"));
        var asked = Job(count: 2).Expected(Job().Metrics[0]);
        Assert.False(queue.Decide(new JobMerged("a", "a", key, [asked with { Count = 3 }], [])).Accepted);
        Assert.False(queue.Decide(new JobMerged("a", "a", key, [asked with { Value = double.NaN }], [])).Accepted);
        Assert.True(queue.Decide(new JobMerged("a", "a", key, [asked with { Value = 5 }], [])).Accepted);
        Assert.Equal(JobPhase.Done, queue.Only.Phase);
    }

    [Fact]
    public void Decide_AnyEvents_LoseNothingAndEnd()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var queue = new Queue();
            var jobs = Enumerable.Range(0, 3).Select(i => Job(random.Next(2, 20), i == 0 ? "external:x" : "swd", 0.05 + (0.01 * i))).ToList();
            var done = new HashSet<(string, int)>();
            for (int step = 0; step < 150; step++)
            {
                queue.Random(random, jobs);
                foreach (var job in queue.State.Jobs.Values.Where(j => !j.IsOver))
                {
                    foreach (int part in Enumerable.Range(0, job.Parts.Length))
                    {
                        Assert.True(job.Parts[part].IsDone || !done.Contains((job.Key, part)), $"seed {seed}: a part that was there is gone");
                        if (job.Parts[part].IsDone)
                        {
                            Assert.Null(job.Parts[part].Lease);
                            done.Add((job.Key, part));
                        }
                    }
                }

                done.RemoveWhere(d => queue.State.Jobs.TryGetValue(d.Item1, out var j) && j.IsOver);
                if (step % 10 == 0)
                {
                    queue.RequireReplayed(seed);
                }
            }

            // Whatever happened: work, and everything ends.
            jobs.ForEach(job => queue.Submit(job));
            queue.Pass(20);
            for (int step = 0; step < 100 && queue.State.Jobs.Values.Any(j => !j.IsOver); step++)
            {
                queue.Work("last");
            }

            Assert.All(queue.State.Jobs.Values, job => Assert.True(job.Phase == JobPhase.Done, $"seed {seed}: {job.Phase} {job.Reason}"));
        }
    }

    /// <summary>State, clock and journal around the rules.</summary>
    private sealed class Queue
    {
        private readonly List<QueueEntry> journal = [];
        private readonly QueueSettings settings = new();
        private DateTimeOffset now = Start;

        public Queue() => State = new QueueState { Settings = settings };

        public QueueState State { get; private set; }

        public JobState Only => State.Jobs.Values.Single();

        public QueueDecision Decide(QueueEvent happened)
        {
            var decision = EvaluationRules.Decide(State, happened, now);
            State = decision.Next;
            journal.AddRange(decision.Journal.Select(e => QueueCodec.Decode(QueueCodec.Encode(e), "journal")));
            foreach (var sums in decision.Commands.OfType<AddSums>())
            {
                Merge("server", State.Jobs[sums.Key]);
            }

            return decision;
        }

        public string Submit(EvaluationJob job)
        {
            Decide(new JobSubmitted(job, []));
            return job.Key;
        }

        public int? Ask(string id) => Decide(new WorkWanted(id, id, Able)).Commands.OfType<GrantTask>().SingleOrDefault()?.Part;

        public QueueDecision Renew(string id, int part) => Decide(new TaskRenewed(id, id, Only.Key, part, 1));

        public QueueDecision Measure(string id, int part) => Measure(id, Only, part);

        public void Pass(double seconds) => now += TimeSpan.FromSeconds(seconds);

        public void Restart() => State = QueueReplay.Restore(settings, journal);

        public void Work(string id)
        {
            if (Decide(new WorkWanted(id, id, Able)).Commands.OfType<GrantTask>().SingleOrDefault() is { } task)
            {
                var job = State.Jobs[task.Key];
                if (task.Part == job.MergeIndex)
                {
                    Merge(id, job);
                }
                else
                {
                    Measure(id, job, task.Part);
                }
            }
        }

        public void Random(Random random, List<EvaluationJob> jobs)
        {
            string id = $"e{random.Next(3)}";
            string key = jobs[random.Next(jobs.Count)].Key;
            int part = random.Next(6);
            switch (random.Next(10))
            {
                case 0: Submit(jobs[random.Next(jobs.Count)]); break;
                case 1: Decide(new JobCancelled(random.Next(5) == 0 ? key : "nothing")); break;
                case 2 or 3: Ask(id); break;
                case 4: Decide(new TaskRenewed(id, id, key, part, 1)); break;
                case 5: Decide(new TaskFailed(id, id, key, part, "a reason", random.Next(20) == 0)); break;
                case 6: Decide(new TaskGivenBack(id, key, part)); break;
                case 7: Pass(random.Next(15)); Decide(new QueueTicked()); break;
                case 8: Work(id); break;
                default:
                    if (random.Next(4) == 0)
                    {
                        Restart();
                    }

                    break;
            }
        }

        /// <summary>The journal, and its shortest form, tell everything but leases.</summary>
        public void RequireReplayed(int seed)
        {
            foreach (var entries in new[] { journal, QueueReplay.Entries(State) })
            {
                var replayed = QueueReplay.Restore(settings, entries);
                Assert.Equal(State.Order, replayed.Order);
                foreach (var job in State.Jobs.Values)
                {
                    var other = replayed.Jobs[job.Key];
                    Assert.True((job.Phase, job.Reason, job.Numerics) == (other.Phase, other.Reason, other.Numerics), $"seed {seed}: {job} is replayed as {other}");
                    Assert.Equal(job.Parts.Select(p => (p.Digest, p.Failures)), other.Parts.Select(p => (p.Digest, p.Failures)));
                    Assert.Equal(job.Scores.Select(s => s.Value), other.Scores.Select(s => s.Value));
                }
            }
        }

        private QueueDecision Measure(string id, JobState job, int part) => Decide(new PartMeasured(id, id, job.Key, part, Kind, $"{job.Key}{part}"));

        private void Merge(string id, JobState job) =>
            Decide(new JobMerged(id, id, job.Key, [.. job.Job.Metrics.Select(m => job.Job.Expected(m) with { Value = 1 })], []));
    }
}
