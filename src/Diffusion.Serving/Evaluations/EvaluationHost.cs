using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Scores;
using Microsoft.Extensions.Logging;

namespace Diffusion.Serving.Evaluations;

/// <summary>An evaluation was asked for that cannot be queued. The message says why.</summary>
/// <param name="message">Value, rule, remedy.</param>
/// <param name="isInvalid">Whether the request itself makes no sense; otherwise something it needs is not there.</param>
internal sealed class EvaluationRefusedException(string message, bool isInvalid) : InvalidOperationException(message)
{
    public bool IsInvalid { get; } = isInvalid;
}

/// <summary>How evaluations are queued.</summary>
public sealed record EvaluationHostOptions
{
    /// <summary>Patience.</summary>
    public QueueSettings Queue { get; init; } = new();

    /// <summary>Bytes of uploaded files and statistics of a run together.</summary>
    /// <value>20 GB.</value>
    public long FileBytes { get; init; } = 20_000_000_000;
}

/// <summary>The queues of all runs that a server serves. A run that nobody evaluates has none, and may lie on a disk that cannot be written to.</summary>
internal sealed class EvaluationHost(SnapshotLibrary library, EvaluationHostOptions options, TimeProvider time, ILogger<EvaluationHost> logger) : IAsyncDisposable
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly Lock guard = new();
    private readonly Dictionary<string, EvaluationQueue> queues = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource stopping = new();
    private TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task ticking = Task.CompletedTask;

    /// <summary>Takes up what an earlier server left.</summary>
    public void Start()
    {
        foreach (var run in library.Runs.Where(r => EvaluationQueue.IsAt(library.DirectoryOf(r.Name))))
        {
            try
            {
                QueueOf(run.Name);
            }
            catch (Exception e) when (e is EvaluationRefusedException or DamagedFileException)
            {
                logger.LogWarning("Evaluations of {Run} do not go on: {Reason}", run.Name, e.Message);
            }
        }

        ticking = Task.Run(TickAsync);
    }

    /// <summary>The queue of a run, opened with its first use.</summary>
    /// <exception cref="WeightsRefusedException">There is no such run.</exception>
    /// <exception cref="EvaluationRefusedException">Its directory cannot be written to, or another server has the queue.</exception>
    public EvaluationQueue QueueOf(string run)
    {
        string directory = library.DirectoryOf(run);
        lock (guard)
        {
            ObjectDisposedException.ThrowIf(stopping.IsCancellationRequested, this);
            if (queues.TryGetValue(directory, out var there))
            {
                return there;
            }

            try
            {
                var queue = EvaluationQueue.Open(directory, options.Queue, options.FileBytes, time, logger);
                queues.Add(directory, queue);
                opened.TrySetResult();
                opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return queue;
            }
            catch (SaveFailedException e)
            {
                throw new EvaluationRefusedException($"Evaluations of {Path.GetFileName(directory)} cannot be queued here: {e.Message}", isInvalid: false);
            }
        }
    }

    /// <summary>Queues jobs, all or none of those that are refused for what they are.</summary>
    /// <exception cref="WeightsRefusedException">There is no such run or snapshot.</exception>
    /// <exception cref="EvaluationRefusedException">A job makes no sense, or files are missing.</exception>
    public async Task<IReadOnlyList<JobReport>> SubmitAsync(IReadOnlyList<EvaluationJob> jobs, CancellationToken cancellationToken)
    {
        var resolved = new List<(EvaluationJob Job, EvaluationQueue Queue)>();
        foreach (var job in jobs)
        {
            var known = await ResolveAsync(job, cancellationToken).ConfigureAwait(false);
            resolved.Add((known, Checked(known)));
        }

        var reports = new List<JobReport>();
        var scores = new Dictionary<string, IReadOnlyList<Score>>(StringComparer.Ordinal);
        foreach (var (job, queue) in resolved)
        {
            if (!scores.TryGetValue(job.Run, out var measured))
            {
                scores.Add(job.Run, measured = ScoreCatalogue.Read(library.DirectoryOf(job.Run)));
            }

            var found = job.Metrics.Select(m => measured.FirstOrDefault(s => s.Identity == job.Expected(m).Identity)).OfType<Score>().ToList();
            var decision = queue.Apply(new JobSubmitted(job, found.Count == job.Metrics.Count ? found : []));
            reports.Add(JobReport.Of(decision.Next.Jobs[job.Key]));
        }

        return reports;
    }

    /// <summary>Gives a task to an evaluator, waiting for one if need be.</summary>
    public async Task<LeaseAnswer> LeaseAsync(string evaluatorId, string name, EvaluatorAbilities abilities, TimeSpan wait, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
        long start = time.GetTimestamp();
        var patience = wait < LongestWait ? wait : LongestWait;
        while (true)
        {
            // Observed before asking: what changes meanwhile is not missed.
            EvaluationQueue[] all;
            Task anotherQueue;
            lock (guard)
            {
                all = [.. queues.Values];
                anotherQueue = opened.Task;
            }

            Task[] changes = [anotherQueue, .. all.Select(q => q.Observe().Changed)];
            string reason = "Nothing is queued.";
            foreach (var queue in all)
            {
                var decision = queue.Apply(new WorkWanted(evaluatorId, name, abilities));
                if (decision.Commands.OfType<GrantTask>().FirstOrDefault() is { } granted)
                {
                    return new LeaseAnswer(EvaluationTask.Of(decision.Next.Jobs[granted.Key], granted.Part, options.Queue.Lease), "", AllOver: false);
                }

                reason = decision.Next.Jobs.Values.All(j => j.IsOver) ? reason : decision.Reason;
            }

            var left = patience - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero || !await ChangedAsync(changes, left, limit.Token).ConfigureAwait(false))
            {
                return new LeaseAnswer(null, reason, all.All(q => q.State.Jobs.Values.All(j => j.IsOver)));
            }
        }
    }

    /// <summary>Completes when one of the queues has changed, or there is another one.</summary>
    public async Task ChangedAsync(IReadOnlyList<Task> changes, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
        Task anotherQueue;
        lock (guard)
        {
            anotherQueue = opened.Task;
        }

        await ChangedAsync([anotherQueue, .. changes], LongestWait, limit.Token).ConfigureAwait(false);
    }

    /// <summary>Jobs of one run, or of all that have a queue.</summary>
    public IReadOnlyList<EvaluationQueue> Queues(string run)
    {
        if (run.Length > 0)
        {
            string directory = library.DirectoryOf(run);
            lock (guard)
            {
                return queues.TryGetValue(directory, out var queue) ? [queue] : [];
            }
        }

        lock (guard)
        {
            return [.. queues.Values];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await ticking.ConfigureAwait(false);
        lock (guard)
        {
            foreach (var queue in queues.Values)
            {
                queue.Dispose();
            }
        }

        stopping.Dispose();
    }

    private async Task<bool> ChangedAsync(Task[] changes, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var over = Task.Delay(patience, time, waiting.Token);
        var first = await Task.WhenAny([.. changes, over]).ConfigureAwait(false);
        await waiting.CancelAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        return first != over;
    }

    private async Task<EvaluationJob> ResolveAsync(EvaluationJob job, CancellationToken cancellationToken)
    {
        string[] problems = [.. job.Problems()];
        if (problems.Length > 0)
        {
            throw new EvaluationRefusedException(string.Join(' ', problems), isInvalid: true);
        }

        var weights = await library.DescribeAsync(new WeightsQuery(job.Run, job.RelativeStd, job.ImagesSeen < 0 ? null : job.ImagesSeen), cancellationToken).ConfigureAwait(false);
        if (job.Guide is { Artifact: null } guide)
        {
            await library.DescribeAsync(new WeightsQuery(guide.Run, guide.RelativeStd, guide.ImagesSeen), cancellationToken).ConfigureAwait(false);
        }

        return job with { Run = weights.Run, RunId = weights.RunId, ImagesSeen = weights.ImagesSeen, RelativeStd = weights.RelativeStd };
    }

    private EvaluationQueue Checked(EvaluationJob job)
    {
        var queue = QueueOf(job.Run);
        string[] missing = [.. job.Artifacts.Where(digest => !queue.Files.Has(digest))];
        return missing.Length == 0 ? queue : throw new EvaluationRefusedException(
            $"The job needs {string.Join(", ", missing.Select(digest => digest[..12] + "…"))}, which {(missing.Length == 1 ? "was" : "were")} not uploaded for run {job.Run}. Upload it first (UploadArtifact).", isInvalid: false);
    }

    private async Task TickAsync()
    {
        using var timer = new PeriodicTimer(TickInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false))
            {
                foreach (var queue in Queues(""))
                {
                    Tick(queue);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private void Tick(EvaluationQueue queue)
    {
        try
        {
            queue.Apply(new QueueTicked());
        }
        catch (SaveFailedException e)
        {
            // The next tick tries again; nothing has changed meanwhile.
            logger.LogWarning("The queue of evaluations cannot be written: {Reason}", e.Message);
        }
    }
}
