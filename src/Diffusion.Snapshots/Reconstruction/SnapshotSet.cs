using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>Open snapshots of one run, ordered by (images seen, length), fit to be combined: same names, same shapes, all different.</summary>
public sealed class SnapshotSet : IDisposable
{
    /// <summary>Metadata key of a reconstructed snapshot; such files are never inputs.</summary>
    public const string ReconstructionKey = "reconstruction";

    private SnapshotSet(List<Item> items) => Items = items;

    /// <summary>Times and lengths of the snapshots, in order.</summary>
    public IReadOnlyList<ProfileAt> Profiles => [.. Items.Select(item => item.Profile)];

    /// <summary>Their file names, in the same order.</summary>
    public IReadOnlyList<string> Paths => [.. Items.Select(item => item.File.Path)];

    /// <summary>What the first of them says about the run.</summary>
    public SnapshotInfo Info => Items[0].Info;

    internal IReadOnlyList<Item> Items { get; }

    /// <summary>Opens the snapshots of a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="prefix">Only names with exactly this prefix; any when null.</param>
    /// <param name="relativeStds">Only these lengths, as the names say them; any when null.</param>
    /// <exception cref="ReconstructionRefusedException">There are none, or they do not fit together.</exception>
    /// <exception cref="Files.DamagedFileException">One is not a whole safetensors file.</exception>
    public static SnapshotSet Open(string directory, string? prefix = null, IReadOnlyCollection<double>? relativeStds = null)
    {
        var paths = Directory.EnumerateFiles(directory, "*" + SnapshotName.Extension)
            .Where(path => SnapshotName.TryParse(path, out var name)
                && (prefix is null || name.Prefix == prefix) && (relativeStds is null || relativeStds.Contains(name.RelativeStd)))
            .ToList();
        return paths.Count > 0
            ? Open(paths)
            : throw new ReconstructionRefusedException(
                $"'{directory}' has no snapshots named {prefix ?? "PREFIX"}-KKKKKKK-S.SSS{SnapshotName.Extension}{(relativeStds is null ? "" : $" of length {string.Join(", ", relativeStds)}")}. Check the directory and the filters.");
    }

    /// <summary>Opens snapshots by name, in any order. Those taken before the first image and reconstructed ones are left out.</summary>
    /// <inheritdoc cref="Open(string, string?, IReadOnlyCollection{double}?)"/>
    public static SnapshotSet Open(IEnumerable<string> paths)
    {
        var items = new List<Item>();
        try
        {
            foreach (string path in paths)
            {
                var item = Item.Open(path);
                items.Add(item);
                if (item.Info.ImagesSeen == 0 || item.Info.Extra.ContainsKey(ReconstructionKey))
                {
                    items.Remove(item);
                    item.File.Dispose();
                }
            }

            var ordered = items.OrderBy(item => item.Profile.ImagesSeen).ThenBy(item => item.Profile.RelativeStd)
                .ThenBy(item => item.File.Path, StringComparer.Ordinal).ToList();
            CheckProfiles(ordered);
            CheckTensors(ordered);
            return new SnapshotSet(ordered);
        }
        catch
        {
            items.ForEach(item => item.File.Dispose());
            throw;
        }
    }

    /// <summary>Reads every file and compares it with the digest in its header, on all cores, several files of one length at a time.</summary>
    /// <exception cref="Files.DamagedFileException">One differs, or carries no digest.</exception>
    public void Verify(CancellationToken cancellationToken = default)
    {
        var groups = Items.Select(item => item.File).GroupBy(file => file.DataLength).SelectMany(group => group.Chunk(ParallelSha256.Lanes)).ToList();
        var failures = new Files.DamagedFileException?[groups.Count];
        Parallel.For(0, groups.Count, new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            try
            {
                SafetensorsFile.Verify(groups[i], cancellationToken);
            }
            catch (Files.DamagedFileException failure)
            {
                failures[i] = failure;
            }
        });
        if (failures.FirstOrDefault(failure => failure is not null) is { } first)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var item in Items)
        {
            item.File.Dispose();
        }
    }

    private static void CheckProfiles(List<Item> items)
    {
        if (items.Count == 0)
        {
            throw new ReconstructionRefusedException("There are no snapshots of a training in progress: those before the first image and reconstructed ones do not count. Check the directory.");
        }

        foreach (var (one, other) in items.Zip(items.Skip(1)))
        {
            if (one.Profile == other.Profile)
            {
                throw new ReconstructionRefusedException(
                    $"'{one.File.Path}' and '{other.File.Path}' are both the average of length {one.Profile.RelativeStd} at {one.Profile.ImagesSeen} images. Remove one, or filter by prefix.");
            }

            if (one.Info.RunId != other.Info.RunId)
            {
                throw new ReconstructionRefusedException(
                    $"'{one.File.Path}' is of run '{one.Info.RunId ?? "unknown"}', '{other.File.Path}' of run '{other.Info.RunId ?? "unknown"}'. Averages combine within one run only: move the others away or filter by prefix.");
            }
        }

        if (items.FirstOrDefault(item => !(item.Profile.RelativeStd < PowerFunctionProfile.MaxRelativeStd) || item.Info.Profile != "power-function") is { } strange)
        {
            throw new ReconstructionRefusedException(
                $"'{strange.File.Path}' is an average of profile '{strange.Info.Profile}' and length {strange.Profile.RelativeStd}; power-function profiles below {PowerFunctionProfile.MaxRelativeStd} combine. Leave it out.");
        }
    }

    private static void CheckTensors(List<Item> items)
    {
        var first = items[0].File;
        foreach (var other in items.Skip(1).Select(item => item.File))
        {
            foreach (var entry in first.Tensors)
            {
                if (!other.TryGetEntry(entry.Name, out var match) || !match.Shape.SequenceEqual(entry.Shape) || match.ElementType.IsFloat() != entry.ElementType.IsFloat())
                {
                    throw new ReconstructionRefusedException(
                        $"Tensor '{entry.Name}' is {Describe(entry)} in '{first.Path}' and {(match is null ? "missing" : Describe(match))} in '{other.Path}'. They are of different networks: leave one kind out.");
                }
            }

            if (other.Tensors.Count != first.Tensors.Count)
            {
                string extra = other.Tensors.First(entry => !first.TryGetEntry(entry.Name, out _)).Name;
                throw new ReconstructionRefusedException($"Tensor '{extra}' of '{other.Path}' is missing in '{first.Path}'. They are of different networks: leave one kind out.");
            }
        }
    }

    private static string Describe(TensorEntry entry) => $"{entry.ElementType.HeaderName()} [{string.Join(", ", entry.Shape)}]";

    internal sealed record Item(SafetensorsFile File, SnapshotInfo Info, ProfileAt Profile)
    {
        public static Item Open(string path)
        {
            var file = SafetensorsFile.Open(path);
            try
            {
                var info = SnapshotInfo.Read(file);
                return new Item(file, info, new ProfileAt(info.ImagesSeen, info.RelativeStd));
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
    }
}
