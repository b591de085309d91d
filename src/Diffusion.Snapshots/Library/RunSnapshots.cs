using System.Collections.Concurrent;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Library;

/// <summary>
/// The snapshots in a run's directory, also while training adds to them. The files are asked, not the catalogue: they are the truth, and each
/// header is read once.
/// </summary>
internal sealed class RunSnapshots
{
    private const string ConfigFile = "run.json";
    private readonly ConcurrentDictionary<string, Seen> seen = new(StringComparer.Ordinal);
    private readonly string directory;
    private readonly string folder;

    /// <param name="directory">A run directory, or a folder of snapshots.</param>
    /// <exception cref="WeightsRefusedException">It is neither.</exception>
    public RunSnapshots(string directory)
    {
        this.directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        string inside = Path.Combine(this.directory, "snapshots");
        folder = System.IO.Directory.Exists(inside) ? inside : this.directory;
        if (!System.IO.Directory.Exists(folder) || (!File.Exists(Path.Combine(this.directory, ConfigFile)) && !SnapshotFiles().Any()))
        {
            throw new WeightsRefusedException($"'{directory}' is no run: it has neither run.json nor snapshots. Give the directory that training wrote to, as in runs/shapes-16.", isUnknown: true);
        }
    }

    public string Name => Path.GetFileName(directory);

    public string Directory => directory;

    /// <summary>The run's configuration as it was saved; empty when unknown.</summary>
    public string Config()
    {
        string file = Path.Combine(directory, ConfigFile);
        return File.Exists(file) ? File.ReadAllText(file) : List().Stored.Select(item => item.Config).FirstOrDefault(config => config is not null) ?? "";
    }

    /// <summary>What training stored, by time and length, and what is not served with the reason.</summary>
    public (IReadOnlyList<Item> Stored, IReadOnlyList<string> Refused) List()
    {
        var found = SnapshotFiles().Select(Look).OfType<Seen>().ToList();
        var stored = found.Select(file => file.Item).OfType<Item>().OrderBy(item => item.Entry.ImagesSeen).ThenBy(item => item.Entry.RelativeStd).ThenBy(item => item.Path, StringComparer.Ordinal).ToList();
        return (stored, [.. found.Select(file => file.Fault).OfType<string>()]);
    }

    private IEnumerable<string> SnapshotFiles() => System.IO.Directory.EnumerateFiles(folder, "*" + SnapshotName.Extension).Where(path => SnapshotName.TryParse(path, out _));

    private Seen? Look(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            return null;
        }

        if (seen.TryGetValue(path, out var before) && before.Bytes == file.Length && before.Modified == file.LastWriteTimeUtc)
        {
            return before;
        }

        try
        {
            var (item, fault) = Read(path);
            return seen[path] = new Seen(file.Length, file.LastWriteTimeUtc, item, fault);
        }
        catch (DamagedFileException e)
        {
            return seen[path] = new Seen(file.Length, file.LastWriteTimeUtc, null, e.Message);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private static (Item? Item, string? Fault) Read(string path)
    {
        using var file = SafetensorsFile.Open(path);
        var info = SnapshotInfo.Read(file);

        // Somebody's reconstructions may lie beside the snapshots; they are made here, not served.
        return info.Extra.ContainsKey(SnapshotSet.ReconstructionKey) ? (null, null)
            : file.RecordedDigest is { } digest ? (new Item(path, SnapshotEntry.Of(file, info, digest), info.Profile, info.Config, file.Tensors.Sum(tensor => tensor.Count)), null)
            : (null, $"'{path}' carries no digest: it was not written by this program.");
    }

    /// <summary>A stored average.</summary>
    public sealed record Item(string Path, SnapshotEntry Entry, string Profile, string? Config, long Elements);

    private sealed record Seen(long Bytes, DateTime Modified, Item? Item, string? Fault);
}
