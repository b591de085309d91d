using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Journal;
using Diffusion.Snapshots.Scores;
using Microsoft.Extensions.Logging;

namespace Diffusion.Serving.Evaluations;

/// <summary>
/// The queue of one run: a thin shell around <see cref="EvaluationRules"/>. Scores and statistics are on the disk before the journal says so, the journal says so before
/// anybody is answered: after kill -9 at any moment the same queue is there, and at worst one part is measured twice.
/// </summary>
internal sealed class EvaluationQueue : IDisposable
{
    public const string FolderName = "evaluations";
    private const string JournalName = "queue.journal";
    private const string FilesName = "files";

    private readonly Lock guard = new();
    private readonly JournalWriter journal;
    private readonly string runDirectory;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private volatile Published published;

    private EvaluationQueue(string runDirectory, JournalWriter journal, EvaluationFiles files, QueueState state, TimeProvider time, ILogger logger)
    {
        (this.runDirectory, this.journal, Files, this.time, this.logger) = (runDirectory, journal, files, time, logger);
        published = new Published(state, Unreplaced());
    }

    /// <summary>A state, and what completes when the jobs are others.</summary>
    private sealed record Published(QueueState State, TaskCompletionSource Replaced);

    public EvaluationFiles Files { get; }

    public QueueState State => published.State;

    /// <summary>Whether a run has a queue on its disk.</summary>
    public static bool IsAt(string runDirectory) => File.Exists(JournalIn(runDirectory));

    /// <exception cref="SaveFailedException">The directory cannot be written to, or another server has the queue.</exception>
    /// <exception cref="DamagedFileException">Its journal is damaged.</exception>
    public static EvaluationQueue Open(string runDirectory, QueueSettings settings, long mostFileBytes, TimeProvider time, ILogger logger)
    {
        var files = new EvaluationFiles(Path.Combine(runDirectory, FolderName, FilesName), mostFileBytes);
        string path = JournalIn(runDirectory);
        var journal = JournalWriter.Open(path);
        try
        {
            var records = journal.ContentsAtOpening.Records;
            var state = QueueReplay.Restore(settings, records.Select(r => QueueCodec.Decode(r, path)));
            var shortest = QueueReplay.Entries(state).ToList();
            if (records.Count > 2 * shortest.Count)
            {
                journal.Replace(shortest.Select(e => (ReadOnlyMemory<byte>)QueueCodec.Encode(e)));
            }

            var queue = new EvaluationQueue(runDirectory, journal, files, state, time, logger);
            foreach (var job in state.Jobs.Values.Where(j => !j.IsOver))
            {
                queue.Recheck(job.Key);
            }

            return queue;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>The state now, and a task that completes when a job has changed. That an evaluator asked again is no change: it would wake all that wait.</summary>
    public (QueueState State, Task Changed) Observe()
    {
        var current = published;
        return (current.State, current.Replaced.Task);
    }

    /// <summary>Decides on an event and carries out what follows.</summary>
    /// <exception cref="SaveFailedException">The disk refused; nothing has changed.</exception>
    public QueueDecision Apply(QueueEvent happened)
    {
        QueueDecision decision;
        lock (guard)
        {
            var before = published;
            decision = EvaluationRules.Decide(before.State, happened, time.GetUtcNow());

            // 1. What the journal will speak of.
            foreach (var kept in decision.Commands.OfType<KeepScores>())
            {
                ScoreCatalogue.Append(runDirectory, [.. kept.Scores]);
            }

            // 2. The journal.
            foreach (var entry in decision.Journal)
            {
                journal.Append(QueueCodec.Encode(entry));
            }

            // 3. The state, for everybody.
            bool isSame = ReferenceEquals(decision.Next.Jobs, before.State.Jobs);
            published = new Published(decision.Next, isSame ? before.Replaced : Unreplaced());
            if (!isSame)
            {
                before.Replaced.TrySetResult();
            }
        }

        if (decision.Reason.Length > 0 && happened is not (WorkWanted or TaskRenewed) || decision.Journal.Count > 0)
        {
            logger.LogInformation("{Reason}", decision.Reason.Length > 0 ? decision.Reason : happened.GetType().Name);
        }

        foreach (var command in decision.Commands)
        {
            Execute(command);
        }

        return decision;
    }

    /// <summary>Compares the statistics of a job that is not over with their digests; damaged ones are measured again. Sums that only wait to be added are.</summary>
    public void Recheck(string key)
    {
        if (State.Jobs.GetValueOrDefault(key) is not { IsOver: false } job)
        {
            return;
        }

        int[] damaged = [.. Enumerable.Range(0, job.Parts.Length).Where(i => job.Parts[i].IsDone && !Files.Verify(job.Parts[i].Digest))];
        if (damaged.Length > 0)
        {
            Apply(new PartsDamaged(key, damaged));
        }
        else if (job is { Phase: JobPhase.Merging, Job.IsExternal: true })
        {
            Execute(new AddSums(key));
        }
    }

    public void Dispose() => journal.Dispose();

    private static TaskCompletionSource Unreplaced() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static string JournalIn(string runDirectory) => Path.Combine(runDirectory, FolderName, JournalName);

    private void Execute(QueueCommand command)
    {
        switch (command)
        {
            case AddSums e:
                AddUp(e.Key);
                break;
            case RemoveStatistics e:
                foreach (string digest in e.Digests)
                {
                    Files.Remove(digest);
                }

                break;
        }
    }

    private void AddUp(string key)
    {
        if (State.Jobs.GetValueOrDefault(key) is not { Phase: JobPhase.Merging } job)
        {
            return;
        }

        var sums = job.Parts.Select(p => ExternalSums.Read(File.ReadAllBytes(Files.PathOf(p.Digest))));
        Apply(new JobMerged("", "the server", key, [ExternalSums.Score(job.Job, sums, time.GetLocalNow())], []));
    }
}
