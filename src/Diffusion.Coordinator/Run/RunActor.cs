using System.Threading.Channels;
using Diffusion.Coordinator.Journal;
using Microsoft.Extensions.Logging;

namespace Diffusion.Coordinator.Run;

/// <summary>Carries out what the rules ask for. Must return at once.</summary>
internal interface IRunEffects
{
    void Execute(RunCommand command);
}

/// <summary>The thin shell around <see cref="RunRules"/>: one reader of one channel; journal entries before effects.</summary>
internal sealed class RunActor(RunState initial, IRunJournal journal, IRunEffects effects, TimeProvider time, ILogger<RunActor> logger) : IAsyncDisposable
{
    private const int QueueLength = 4096;
    private const string JournalAlarm = "journal";
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(100);

    private readonly Channel<Envelope> inbox = Channel.CreateBounded<Envelope>(new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private readonly Queue<JournalEntry> unwritten = new();
    private readonly RunClock clock = new(time);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Published published = new(initial);
    private Task reading = Task.CompletedTask;
    private Task ticking = Task.CompletedTask;

    private readonly record struct Envelope(RunEvent Happened, TaskCompletionSource<Decision>? Answer);

    /// <summary>A state and the task that completes when there is a newer one.</summary>
    private sealed class Published(RunState state)
    {
        public RunState State { get; } = state;

        public TaskCompletionSource Replaced { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The state as it is now.</summary>
    public RunState State => published.State;

    public DateTimeOffset Now => clock.Now;

    /// <summary>Completes when the actor ends; faulted when a rule has a bug, which ends the coordinator rather than the run's truth.</summary>
    public Task Ended => ended.Task;

    public void Start()
    {
        reading = Task.Run(ReadAsync);
        ticking = Task.Run(TickAsync);
    }

    /// <summary>The state now, and a task that completes when it has changed.</summary>
    public (RunState State, Task Changed) Observe()
    {
        var current = published;
        return (current.State, current.Replaced.Task);
    }

    /// <summary>Queues an event.</summary>
    public ValueTask PostAsync(RunEvent happened, CancellationToken cancellationToken) => inbox.Writer.WriteAsync(new Envelope(happened, null), cancellationToken);

    /// <summary>Queues an event and waits for what was decided.</summary>
    public async Task<Decision> AskAsync(RunEvent happened, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<Decision>(TaskCreationOptions.RunContinuationsAsynchronously);
        await inbox.Writer.WriteAsync(new Envelope(happened, answer), cancellationToken).ConfigureAwait(false);
        return await answer.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        inbox.Writer.TryComplete();
        await ticking.ConfigureAwait(false);
        await reading.ConfigureAwait(false);
        stopping.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            await foreach (var (happened, answer) in inbox.Reader.ReadAllAsync(stopping.Token).ConfigureAwait(false))
            {
                var decision = Handle(happened);
                answer?.TrySetResult(decision);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (Exception bug)
        {
            logger.LogCritical(bug, "The coordinator's rules failed; the run's journal is whole, start the coordinator again");
            inbox.Writer.TryComplete(bug);
            ended.TrySetException(bug);
        }
        finally
        {
            ended.TrySetResult();
            while (inbox.Reader.TryRead(out var left))
            {
                left.Answer?.TrySetCanceled(CancellationToken.None);
            }
        }
    }

    private Decision Handle(RunEvent happened)
    {
        var before = published;
        var decision = RunRules.Decide(before.State, happened, clock.Now);

        // 1. The journal, so that no effect is ever ahead of it.
        var next = Write(decision);

        // 2. The state, so that who reacts to an effect finds it.
        if (!ReferenceEquals(next, before.State))
        {
            published = new Published(next);
            before.Replaced.TrySetResult();
        }

        // 3. The effects.
        foreach (var command in decision.Commands)
        {
            effects.Execute(command);
        }

        if (decision.Reason.Length > 0)
        {
            logger.LogInformation("{Reason} (generation {Generation})", decision.Reason, next.Generation);
        }

        return decision;
    }

    /// <summary>A full disk stops the journal, not the training: entries wait in memory, an alarm stands, every tick tries again.</summary>
    private RunState Write(Decision decision)
    {
        foreach (var entry in decision.Journal)
        {
            unwritten.Enqueue(entry);
        }

        try
        {
            while (unwritten.TryPeek(out var entry))
            {
                journal.Append(entry);
                unwritten.Dequeue();
            }

            return decision.Next.Alarms.ContainsKey(JournalAlarm)
                ? decision.Next with { Alarms = decision.Next.Alarms.Remove(JournalAlarm) }
                : decision.Next;
        }
        catch (IOException failure)
        {
            if (decision.Next.Alarms.ContainsKey(JournalAlarm))
            {
                return decision.Next;
            }

            logger.LogError(failure, "The journal cannot be written; training goes on, but a restarted coordinator would not know what happened since");
            return decision.Next with { Alarms = decision.Next.Alarms.SetItem(JournalAlarm, $"The journal cannot be written: {failure.Message} Training goes on; do not restart the coordinator before this is mended.") };
        }
    }

    private async Task TickAsync()
    {
        using var timer = new PeriodicTimer(TickInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false))
            {
                await PostAsync(new Ticked(), stopping.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (ChannelClosedException)
        {
        }
    }
}
