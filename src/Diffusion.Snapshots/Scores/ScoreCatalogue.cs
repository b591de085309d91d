using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Journal;

namespace Diffusion.Snapshots.Scores;

/// <summary>The scores of a run: an append-only journal in its directory. A later score of the same <see cref="Score.Identity"/> replaces an earlier one.</summary>
/// <remarks>
/// The journal is locked for the moment of an append only, so that a coordinator that serves the run and a command line that measures beside it can both add.
/// </remarks>
public static class ScoreCatalogue
{
    /// <summary>Name of the journal in the run's directory.</summary>
    public const string FileName = "scores.journal";

    private static readonly TimeSpan LockPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(10);

    /// <summary>The journal of a run.</summary>
    public static string PathIn(string runDirectory) => Path.Combine(runDirectory, FileName);

    /// <summary>Reads all scores of a run, in the order they were first measured in; none where there is no catalogue. It may be appended to meanwhile.</summary>
    /// <exception cref="DamagedFileException">The journal is damaged in the middle, or of another version.</exception>
    public static IReadOnlyList<Score> Read(string runDirectory)
    {
        string path = PathIn(runDirectory);
        var byIdentity = new OrderedDictionary<string, Score>(StringComparer.Ordinal);
        foreach (var record in JournalReader.Read(path).Records)
        {
            var score = ScoreRecord.Decode(record, path);
            byIdentity[score.Identity] = score;
        }

        return [.. byIdentity.Values];
    }

    /// <summary>Adds scores; they are on the disk when this returns.</summary>
    /// <param name="runDirectory">An existing run directory.</param>
    /// <param name="scores">Scores with finite values.</param>
    /// <param name="cancellationToken">Ends the wait for another process that is adding.</param>
    /// <exception cref="ArgumentException">A value is not finite.</exception>
    /// <exception cref="SaveFailedException">The file system refused, or another process kept the journal for ten seconds.</exception>
    public static void Append(string runDirectory, IReadOnlyCollection<Score> scores, CancellationToken cancellationToken = default)
    {
        if (scores.FirstOrDefault(s => !double.IsFinite(s.Value) || s.StandardError is { } e && !double.IsFinite(e)) is { } bad)
        {
            throw new ArgumentException($"The {bad.Metric} of EMA length {bad.RelativeStd} at {bad.ImagesSeen} images is {bad.Value} ± {bad.StandardError}; only finite scores are kept.", nameof(scores));
        }

        using var journal = OpenWhenFree(PathIn(runDirectory), cancellationToken);
        foreach (var score in scores)
        {
            journal.Append(ScoreRecord.Encode(score));
        }
    }

    private static JournalWriter OpenWhenFree(string path, CancellationToken cancellationToken)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return JournalWriter.Open(path);
            }
            catch (SaveFailedException failure) when (failure.InnerException is IOException && Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))) && TimeProvider.System.GetElapsedTime(start) < LockPatience)
            {
                cancellationToken.WaitHandle.WaitOne(LockPoll);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
    }
}
