using Diffusion.Coordinator.Journal;
using Diffusion.Coordinator.Run;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Coordinator.Tests.Run;

public sealed class RunActorTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Handle_Generation_IsInTheJournalBeforeStartIsSent()
    {
        var record = new Recorder();
        var time = new ManualTime();
        await using var actor = Start(record, time);
        await JoinAsync(actor, "a");
        await time.PassAsync(actor, TimeSpan.FromSeconds(1));

        int formed = record.Lines.IndexOf("journal GenerationFormed");
        Assert.InRange(formed, 0, record.Lines.IndexOf("effect SendStart") - 1);
        Assert.Equal(RunPhase.Training, actor.State.Phase);
    }

    [Fact]
    public async Task Handle_JournalRefuses_TrainsOnWithAnAlarmAndWritesLater()
    {
        var record = new Recorder { Refuses = true };
        var time = new ManualTime();
        await using var actor = Start(record, time);
        await JoinAsync(actor, "a");
        await time.PassAsync(actor, TimeSpan.FromSeconds(1));
        Assert.Equal(RunPhase.Training, actor.State.Phase);
        Assert.Contains("The journal cannot be written", Assert.Single(actor.State.Alarms).Value, StringComparison.Ordinal);
        record.Refuses = false;
        await time.PassAsync(actor, TimeSpan.FromSeconds(0.2));

        Assert.Empty(actor.State.Alarms);
        Assert.Equal(["journal FingerprintFixed", "journal GenerationFormed"], record.Lines.Where(line => line.StartsWith("journal", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Observe_Change_WakesTheWatcher()
    {
        await using var actor = Start(new Recorder(), new ManualTime());
        var (before, changed) = actor.Observe();
        await JoinAsync(actor, "a");
        await changed.WaitAsync(Patience);

        Assert.NotSame(before, actor.State);
    }

    private static RunActor Start(Recorder record, ManualTime time)
    {
        var actor = new RunActor(new Scenario().State with { LastTick = default }, record, record, time, NullLogger<RunActor>.Instance);
        actor.Start();
        return actor;
    }

    private static async Task JoinAsync(RunActor actor, string id)
    {
        await actor.AskAsync(new JoinAsked(id, id, Scenario.Fingerprint(), 1, "127.0.0.1", true, 1), default).WaitAsync(Patience);
        await actor.AskAsync(new SessionOpened(id, 1, 0), default).WaitAsync(Patience);
        await actor.AskAsync(new ReadySaid(id, 0, -1, "", "", false), default).WaitAsync(Patience);
    }

    /// <summary>Journal and effects in one list, in the order they happened.</summary>
    private sealed class Recorder : IRunJournal, IRunEffects
    {
        private readonly List<string> lines = [];

        public bool Refuses { get; set; }

        public List<string> Lines
        {
            get
            {
                lock (lines)
                {
                    return [.. lines];
                }
            }
        }

        public void Append(JournalEntry entry)
        {
            if (Refuses)
            {
                throw new IOException("No space left on device.");
            }

            Add("journal " + entry.GetType().Name);
        }

        public void Execute(RunCommand command) => Add("effect " + command.GetType().Name);

        private void Add(string line)
        {
            lock (lines)
            {
                lines.Add(line);
            }
        }
    }

    /// <summary>Time that passes when the test says so. Ticks are asked for rather than timed.</summary>
    private sealed class ManualTime : TimeProvider
    {
        private long elapsed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Scenario.Start + new TimeSpan(elapsed);

        public override long GetTimestamp() => Interlocked.Read(ref elapsed);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new Never();

        public async Task PassAsync(RunActor actor, TimeSpan span)
        {
            for (var step = TimeSpan.Zero; step < span; step += TimeSpan.FromSeconds(0.1))
            {
                Interlocked.Add(ref elapsed, TimeSpan.FromSeconds(0.1).Ticks);
                await actor.AskAsync(new Ticked(), default).WaitAsync(Patience);
            }
        }

        private sealed class Never : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
