using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Library;

namespace Diffusion.Cli.Evaluators;

/// <summary>Weights and files that came from a server, kept in a folder of limited size: what was used longest ago goes first. Several evaluators may share it.</summary>
internal sealed class FetchedFiles
{
    private const long MostFileBytes = 1L << 40;

    private readonly SnapshotClient snapshots;
    private readonly EvaluationClient evaluations;
    private readonly string weights;
    private readonly EvaluationFiles files;
    private readonly long mostBytes;
    private readonly TimeProvider time;

    public FetchedFiles(SnapshotClient snapshots, EvaluationClient evaluations, string directory, long mostBytes, TimeProvider time)
    {
        (this.snapshots, this.evaluations, this.mostBytes, this.time) = (snapshots, evaluations, mostBytes, time);
        weights = Path.Combine(directory, "weights");
        files = new EvaluationFiles(Path.Combine(directory, "files"), MostFileBytes);
    }

    /// <summary>Fetches weights; streams that break are taken up again.</summary>
    public async Task<FetchedWeights> WeightsAsync(string run, long imagesSeen, double length, CancellationToken cancellationToken)
    {
        var fetched = await snapshots.FetchIntoAsync(new WeightsQuery(run, length, imagesSeen), weights, null, cancellationToken);
        Used(fetched.Path);
        return fetched;
    }

    /// <summary>Fetches a file that a job names.</summary>
    public async Task<string> FileAsync(string run, string digest, CancellationToken cancellationToken)
    {
        string path = await evaluations.FetchIntoAsync(run, digest, files, cancellationToken);
        Used(path);
        return path;
    }

    /// <summary>A statistics file that nobody needs again.</summary>
    public void Forget(string digest) => files.Remove(digest);

    /// <summary>Makes room. Who has a file open keeps what it has; who needs it again fetches it again.</summary>
    public void Shrink()
    {
        var all = new[] { weights, Path.GetDirectoryName(files.PathOf(new string('0', 64)))! }.Where(Directory.Exists)
            .SelectMany(folder => new DirectoryInfo(folder).EnumerateFiles()).Where(f => !f.Name.StartsWith('.')).OrderByDescending(f => f.LastAccessTimeUtc).ToList();
        long kept = 0;
        foreach (var file in all)
        {
            kept += file.Length;
            if (kept > mostBytes)
            {
                file.Delete();
            }
        }
    }

    private void Used(string path) => File.SetLastAccessTimeUtc(path, time.GetUtcNow().UtcDateTime);
}
