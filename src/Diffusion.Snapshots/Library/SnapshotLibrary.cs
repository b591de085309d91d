using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Library;

/// <summary>
/// Weights of runs at any EMA length and any snapshot's time, finished runs or such that still train. Lengths that training tracked are the files
/// it stored; others are reconstructed once, whoever asks how often, and kept in a cache on the disk.
/// </summary>
public sealed class SnapshotLibrary : IAsyncDisposable
{
    /// <summary>Lengths closer than this are the same; lists of lengths carry rounding errors of 1e-17.</summary>
    private const double SameLength = 1e-9;
    private const int KeyDigits = 32;

    private readonly List<RunSnapshots> runs;
    private readonly SnapshotLibraryOptions options;
    private readonly WeightsCache cache;
    private readonly VerifiedFiles verified = new();
    private readonly SharedWork<FileStream> reconstructions = new();
    private readonly SemaphoreSlim slots;
    private long reconstructionCount;

    private SnapshotLibrary(List<RunSnapshots> runs, SnapshotLibraryOptions options, TimeProvider time)
    {
        this.runs = runs;
        this.options = options;
        cache = new WeightsCache(options.CacheDirectory, options.CacheBytes, time);
        slots = new SemaphoreSlim(options.ConcurrentReconstructions);
    }

    /// <summary>Reconstructions made so far.</summary>
    public long ReconstructionCount => Interlocked.Read(ref reconstructionCount);

    /// <summary>The runs served.</summary>
    public IReadOnlyList<ServedRun> Runs => [.. runs.Select(Describe)];

    /// <summary>Opens run directories.</summary>
    /// <param name="runDirectories">Directories that training wrote or writes to, or folders of snapshots.</param>
    /// <param name="options">How reconstructions are made and kept.</param>
    /// <param name="time">The clock by which the cache tells what was used last.</param>
    /// <exception cref="WeightsRefusedException">One is no run, two have the same name, or the options make no sense.</exception>
    public static SnapshotLibrary Open(IEnumerable<string> runDirectories, SnapshotLibraryOptions options, TimeProvider? time = null)
    {
        if (options.Problems().FirstOrDefault() is { } problem)
        {
            throw new WeightsRefusedException(problem, isUnknown: false);
        }

        var runs = runDirectories.Select(directory => new RunSnapshots(directory)).ToList();
        return runs.GroupBy(run => run.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } shared
            ? throw new WeightsRefusedException($"{shared.Count()} of the directories are called '{shared.Key}', and requests name runs by their directory. Serve them separately, or rename one.", isUnknown: false)
            : new SnapshotLibrary(runs, options, time ?? TimeProvider.System);
    }

    /// <summary>Where a run lies.</summary>
    /// <param name="run">Name or id; may be empty where one is served.</param>
    /// <exception cref="WeightsRefusedException">There is no such run.</exception>
    public string DirectoryOf(string run) => Find(run).Directory;

    /// <summary>The snapshots of a run as they are now.</summary>
    /// <exception cref="WeightsRefusedException">There is no such run.</exception>
    public SnapshotList Snapshots(string run)
    {
        var (stored, refused) = Find(run).List();
        return new SnapshotList(
            [
                .. stored.GroupBy(item => item.Entry.ImagesSeen).Select(group => new SnapshotTime(
                    group.Key, [.. group.Select(item => new StoredAverage(item.Entry.RelativeStd, item.Entry.ElementType, item.Entry.Bytes, item.Entry.ContentId))])),
            ],
            refused);
    }

    /// <summary>Says what a query would be answered with, without making it.</summary>
    /// <exception cref="WeightsRefusedException">It cannot be answered.</exception>
    public async Task<WeightsDescription> DescribeAsync(WeightsQuery query, CancellationToken cancellationToken)
    {
        var wanted = Resolve(query);
        var planned = await Task.Run(() => Planned(wanted), cancellationToken).ConfigureAwait(false);
        using var made = wanted.IsStored ? null : await TryOpenCachedAsync(wanted, cancellationToken).ConfigureAwait(false);
        return new WeightsDescription
        {
            Run = wanted.Run.Name,
            RunId = wanted.Inputs[0].Entry.RunId,
            ImagesSeen = wanted.ImagesSeen,
            RelativeStd = wanted.Query.RelativeStd,
            Profile = wanted.Inputs[0].Profile,
            ElementType = query.ElementType,
            IsTracked = wanted.IsTracked,
            InputCount = wanted.Inputs.Count,
            ExpectedError = planned?.Solution.ExpectedError ?? 0,
            NoiseGain = planned?.Solution.NoiseGain ?? 1,
            Warning = planned?.Warning ?? "",
            ContentId = wanted.IsStored ? wanted.Inputs[0].Entry.ContentId : made?.ContentId ?? "",
            Bytes = wanted.IsStored ? wanted.Inputs[0].Entry.Bytes : made?.Bytes ?? 0,
            Config = wanted.Run.Config(),
        };
    }

    /// <summary>Opens the weights a query asks for, reconstructing them where that has not been done.</summary>
    /// <returns>The open file; the caller disposes it soon, as it takes place in the cache meanwhile.</returns>
    /// <exception cref="WeightsRefusedException">The query cannot be answered.</exception>
    /// <exception cref="DamagedFileException">A snapshot is damaged.</exception>
    /// <exception cref="SaveFailedException">The cache's disk refused.</exception>
    public async Task<OpenWeights> OpenAsync(WeightsQuery query, CancellationToken cancellationToken)
    {
        var wanted = Resolve(query);
        if (wanted.IsStored)
        {
            return await OpenedAsync(WeightsCache.OpenShared(wanted.Inputs[0].Path), wanted, cancellationToken).ConfigureAwait(false);
        }

        if (await TryOpenCachedAsync(wanted, cancellationToken).ConfigureAwait(false) is { } there)
        {
            return there;
        }

        using var made = await reconstructions.JoinAsync(wanted.FileName, stop => ReconstructAsync(wanted, stop), cancellationToken).ConfigureAwait(false);
        return await TryOpenCachedAsync(wanted, cancellationToken).ConfigureAwait(false)
            ?? throw new IOException($"{cache.PathOf(wanted.FileName)} was made and is gone again. Does somebody else clear {cache.Folder}?");
    }

    /// <summary>Gives up what is being made. Weights that are open stay usable.</summary>
    public async ValueTask DisposeAsync()
    {
        await reconstructions.DisposeAsync().ConfigureAwait(false);
        slots.Dispose();
        verified.Dispose();
    }

    private static ServedRun Describe(RunSnapshots run)
    {
        var stored = run.List().Stored;
        return new ServedRun(
            run.Name,
            stored.Count > 0 ? stored[0].Entry.RunId : "",
            stored.Select(item => item.Entry.ImagesSeen).Distinct().Count(),
            stored.Count > 0 ? stored[^1].Entry.ImagesSeen : -1,
            [.. stored.Select(item => item.Entry.RelativeStd).Distinct().Order()]);
    }

    private RunSnapshots Find(string name)
    {
        var found = name.Length == 0 && runs.Count == 1 ? runs[0] : runs.Find(run => run.Name == name || (name.Length > 0 && run.List().Stored.Any(item => item.Entry.RunId == name)));
        return found ?? throw new WeightsRefusedException(
            $"{(name.Length == 0 ? "No run was named" : $"There is no run '{name}'")}. There {(runs.Count == 1 ? "is" : "are")} {string.Join(", ", runs.Select(run => run.Name))}.", isUnknown: true);
    }

    /// <summary>Checks a query and finds what it is made of.</summary>
    private Wanted Resolve(WeightsQuery query)
    {
        if (query.ElementType is not (ElementType.Float16 or ElementType.Float32))
        {
            throw new WeightsRefusedException($"Weights are served as float16 or float32, not {query.ElementType.HeaderName()}.", isUnknown: false);
        }

        if (!(query.RelativeStd > 0 && query.RelativeStd < PowerFunctionProfile.MaxRelativeStd))
        {
            throw new WeightsRefusedException(
                FormattableString.Invariant($"Length {query.RelativeStd} is not in (0, {PowerFunctionProfile.MaxRelativeStd}). Lengths are fractions of training time: 0.05 means 5 %."), isUnknown: false);
        }

        var run = Find(query.Run);
        var stored = run.List().Stored;
        long images = TimeOf(query, run, stored);
        var tracked = stored.FirstOrDefault(item => item.Entry.ImagesSeen == images && Math.Abs(item.Entry.RelativeStd - query.RelativeStd) < SameLength);
        bool isStored = tracked is not null && tracked.Entry.ElementType == query.ElementType;
        if (images == 0 && !isStored)
        {
            throw new WeightsRefusedException(
                $"At 0 images nothing has been averaged yet: only what is stored is served, {string.Join(", ", stored.Where(item => item.Entry.ImagesSeen == 0).Select(item => FormattableString.Invariant($"{item.Entry.RelativeStd} as {item.Entry.ElementType.HeaderName()}")))}.", isUnknown: false);
        }

        // A tracked length in the other precision is made of itself alone, so every value is that of the file.
        var inputs = tracked is not null ? [tracked] : stored.Where(item => item.Entry.ImagesSeen > 0 && item.Entry.ImagesSeen <= images).ToList();
        return new Wanted(query with { ImagesSeen = images, RelativeStd = tracked?.Entry.RelativeStd ?? query.RelativeStd }, run, inputs, tracked is not null, isStored);
    }

    private static long TimeOf(WeightsQuery query, RunSnapshots run, IReadOnlyList<RunSnapshots.Item> stored)
    {
        if (stored.Count == 0)
        {
            throw new WeightsRefusedException($"Run {run.Name} has no snapshots yet. The first comes after training.snapshotImages images.", isUnknown: true);
        }

        var times = stored.Select(item => item.Entry.ImagesSeen).Distinct().ToList();
        if (query.ImagesSeen is not { } asked || times.Contains(asked))
        {
            return query.ImagesSeen ?? times[^1];
        }

        long nearest = times.MinBy(images => Math.Abs(images - asked));
        throw new WeightsRefusedException($"Run {run.Name} has no snapshot at {asked} images. The nearest is at {nearest}; there are {times.Count}, from {times[0]} to {times[^1]}.", isUnknown: true);
    }

    /// <summary>The solution of a reconstruction; null where a tracked length is only copied.</summary>
    private static PlannedReconstruction? Planned(Wanted wanted)
    {
        if (wanted.IsTracked)
        {
            return null;
        }

        try
        {
            var target = new ProfileAt(wanted.ImagesSeen, wanted.Query.RelativeStd);
            var inputs = wanted.Inputs.Select(item => new ProfileAt(item.Entry.ImagesSeen, item.Entry.RelativeStd)).ToList();
            return new PlannedReconstruction(target, inputs.Count, PostHocSolver.Solve(inputs, [target])[0]);
        }
        catch (ReconstructionRefusedException e)
        {
            throw new WeightsRefusedException(e.Message, isUnknown: false);
        }
    }

    private async Task<OpenWeights?> TryOpenCachedAsync(Wanted wanted, CancellationToken cancellationToken)
    {
        if (cache.TryOpen(wanted.FileName) is not { } file)
        {
            return null;
        }

        try
        {
            return await OpenedAsync(file, wanted, cancellationToken).ConfigureAwait(false);
        }
        catch (DamagedFileException)
        {
            cache.Discard(wanted.FileName);
            return null;
        }
    }

    private async Task<OpenWeights> OpenedAsync(FileStream file, Wanted wanted, CancellationToken cancellationToken)
    {
        try
        {
            string contentId = await verified.EnsureAsync(file.Name, cancellationToken).ConfigureAwait(false);
            return new OpenWeights(file, wanted.Query, wanted.Run.Name, contentId, wanted.IsTracked);
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <returns>The file, held open so that nobody removes it before those who wait have opened it.</returns>
    private async Task<FileStream> ReconstructAsync(Wanted wanted, CancellationToken cancellationToken)
    {
        await slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Somebody else may have made it while this one waited for its turn.
            if (cache.TryOpen(wanted.FileName) is { } there)
            {
                return there;
            }

            foreach (var input in wanted.Inputs)
            {
                string found = await verified.EnsureAsync(input.Path, cancellationToken).ConfigureAwait(false);
                if (found != input.Entry.ContentId)
                {
                    throw new DamagedFileException(input.Path, "it was replaced while its run was served", "Ask again.");
                }
            }

            Interlocked.Increment(ref reconstructionCount);
            return Reconstruct(wanted, cancellationToken);
        }
        catch (ReconstructionRefusedException e)
        {
            throw new WeightsRefusedException(e.Message, isUnknown: false);
        }
        finally
        {
            slots.Release();
        }
    }

    private FileStream Reconstruct(Wanted wanted, CancellationToken cancellationToken)
    {
        cache.MakeRoom(wanted.Inputs[0].Elements * wanted.Query.ElementType.ByteSize());
        using var snapshots = SnapshotSet.Open(wanted.Inputs.Select(item => item.Path));
        var plan = PostHocReconstruction.Plan(snapshots, [wanted.Query.RelativeStd], [wanted.ImagesSeen]);
        var how = new ReconstructionOptions
        {
            Prefix = wanted.Key,
            ElementType = wanted.Query.ElementType,
            Threads = options.ThreadsPerReconstruction,
            MemoryBytes = options.MemoryBytesPerReconstruction,
        };
        var entry = plan.Run(cache.Folder, how, cancellationToken: cancellationToken)[0];
        verified.Trust(cache.PathOf(entry.File), entry.ContentId);
        return cache.TryOpen(entry.File) ?? throw new IOException($"{cache.PathOf(entry.File)} was made and is gone again. Does somebody else clear {cache.Folder}?");
    }

    /// <summary>A query that can be answered, and what with.</summary>
    private sealed record Wanted(WeightsQuery Query, RunSnapshots Run, IReadOnlyList<RunSnapshots.Item> Inputs, bool IsTracked, bool IsStored)
    {
        public long ImagesSeen => Query.ImagesSeen!.Value;

        /// <summary>Stands for all that decides the bytes: the inputs' digests, length, time and precision.</summary>
        public string Key { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"1\n{Query.ElementType.HeaderName()}\n{Query.ImagesSeen}\n{Query.RelativeStd:R}\n{string.Join('\n', Inputs.Select(input => input.Entry.ContentId))}"))))[..KeyDigits];

        public string FileName => SnapshotName.For(Key, ImagesSeen, Query.RelativeStd).FileName;
    }
}
