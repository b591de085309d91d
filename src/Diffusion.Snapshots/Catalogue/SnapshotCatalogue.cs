using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Journal;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Catalogue;

/// <summary>What <see cref="SnapshotCatalogue.Reconcile"/> or <see cref="SnapshotCatalogue.Rebuild"/> found.</summary>
/// <param name="Added">Files that were there but not catalogued, e.g. after a kill between the two.</param>
/// <param name="Missing">Catalogued files that are no longer there.</param>
/// <param name="Damaged">Files refused, with the reason.</param>
public sealed record CatalogueReport(IReadOnlyList<SnapshotEntry> Added, IReadOnlyList<SnapshotEntry> Missing, IReadOnlyList<DamagedFileException> Damaged);

/// <summary>
/// The snapshots of a directory: an append-only journal of (run, images, σ_rel, file, type, bytes, SHA-256). The files are the truth; a lost
/// catalogue is rebuilt from them. A later entry of the same file replaces an earlier one.
/// </summary>
public sealed class SnapshotCatalogue : IDisposable
{
    /// <summary>Name of the journal in its directory.</summary>
    public const string FileName = "catalogue.journal";

    internal const string RebuildRemedy = "Rebuild the catalogue from the snapshot files.";

    private readonly JournalWriter? journal;
    private readonly Dictionary<string, SnapshotEntry> byFile = new(StringComparer.Ordinal);

    private SnapshotCatalogue(string directory, JournalContents contents, JournalWriter? journal)
    {
        Directory = directory;
        IsTailCut = contents.IsTailCut;
        this.journal = journal;
        for (int i = 0; i < contents.Records.Count; i++)
        {
            var entry = SnapshotEntry.Decode(PathIn(directory), i, contents.Records[i]);
            byFile[entry.File] = entry;
        }
    }

    /// <summary>Directory of the snapshots.</summary>
    public string Directory { get; }

    /// <summary>Whether the last append before opening was interrupted. Its file is found by <see cref="Reconcile"/>.</summary>
    public bool IsTailCut { get; }

    /// <summary>All entries, by image count, then length.</summary>
    public IReadOnlyList<SnapshotEntry> Entries => [.. byFile.Values.OrderBy(entry => entry.ImagesSeen).ThenBy(entry => entry.RelativeStd).ThenBy(entry => entry.File, StringComparer.Ordinal)];

    /// <summary>Opens the catalogue of a directory for adding; only one process may.</summary>
    /// <exception cref="DamagedFileException">The journal is damaged in the middle.</exception>
    /// <exception cref="SaveFailedException">Another process has it open, or the file system refused.</exception>
    public static SnapshotCatalogue Open(string directory)
    {
        var journal = JournalWriter.Open(PathIn(directory));
        try
        {
            return new SnapshotCatalogue(directory, journal.ContentsAtOpening, journal);
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Reads the catalogue of a directory, also while a run is adding to it.</summary>
    /// <exception cref="DamagedFileException">The journal is damaged in the middle.</exception>
    public static SnapshotCatalogue Read(string directory) => new(directory, JournalReader.Read(PathIn(directory)), journal: null);

    /// <summary>Writes a new catalogue from the files of a directory, verifying each. Damaged files are left out and reported.</summary>
    /// <exception cref="SaveFailedException">The file system refused; the old catalogue stays.</exception>
    public static CatalogueReport Rebuild(string directory, CancellationToken cancellationToken = default)
    {
        var added = new List<SnapshotEntry>();
        var damaged = new List<DamagedFileException>();
        foreach (string path in SnapshotFiles(directory))
        {
            Examine(path, verify: true, added, damaged, cancellationToken);
        }

        using var file = AtomicFile.Create(PathIn(directory));
        file.Append(JournalFormat.Signature);
        foreach (var entry in added)
        {
            file.Append(JournalFormat.Frame(entry.Encode()));
        }

        file.Commit();
        return new CatalogueReport(added, [], damaged);
    }

    /// <summary>Adds an entry; it is on the disk when this returns.</summary>
    /// <exception cref="InvalidOperationException">The catalogue was opened by <see cref="Read"/>.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void Add(SnapshotEntry entry)
    {
        var writer = journal ?? throw new InvalidOperationException($"The catalogue of '{Directory}' was opened for reading. Open it with SnapshotCatalogue.Open to add to it.");
        writer.Append(entry.Encode());
        byFile[entry.File] = entry;
    }

    /// <summary>Compares the catalogue with the directory, adds what is not in it and tells what is gone. Call at start.</summary>
    /// <param name="verify">Whether uncatalogued files are read and compared with their digests before they are added.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    public CatalogueReport Reconcile(bool verify = true, CancellationToken cancellationToken = default)
    {
        var added = new List<SnapshotEntry>();
        var damaged = new List<DamagedFileException>();
        var present = SnapshotFiles(Directory).ToList();
        foreach (string path in present.Where(path => !byFile.ContainsKey(Path.GetFileName(path))))
        {
            Examine(path, verify, added, damaged, cancellationToken);
        }

        added.ForEach(Add);
        var names = present.Select(Path.GetFileName).ToHashSet(StringComparer.Ordinal);
        return new CatalogueReport(added, [.. Entries.Where(entry => !names.Contains(entry.File))], damaged);
    }

    /// <summary>Reads a catalogued file whole and compares it with the digest in its header and in the catalogue.</summary>
    /// <exception cref="DamagedFileException">It is not what was catalogued.</exception>
    public void Verify(SnapshotEntry entry, CancellationToken cancellationToken = default)
    {
        string path = Path.Combine(Directory, entry.File);
        using var file = SafetensorsFile.Open(path);
        string found = file.Verify(cancellationToken).ContentId;
        if (found != entry.ContentId)
        {
            throw new DamagedFileException(path, $"it is whole but not the file that was catalogued ({found[..12]}…, catalogued {entry.ContentId[..12]}…)",
                "It was replaced by another snapshot: restore the original, or " + RebuildRemedy.ToLowerInvariant());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => journal?.Dispose();

    private static string PathIn(string directory) => Path.Combine(directory, FileName);

    private static IEnumerable<string> SnapshotFiles(string directory) => System.IO.Directory
        .EnumerateFiles(directory, "*" + SnapshotName.Extension)
        .Where(path => SnapshotName.TryParse(path, out _))
        .Order(StringComparer.Ordinal);

    private static void Examine(string path, bool verify, List<SnapshotEntry> good, List<DamagedFileException> damaged, CancellationToken cancellationToken)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            var digest = verify ? file.Verify(cancellationToken) : file.RecordedDigest;
            good.Add(SnapshotEntry.Of(file, SnapshotInfo.Read(file),
                digest ?? throw new DamagedFileException(path, "it carries no digest", "It was not written by this program and is not catalogued.")));
        }
        catch (DamagedFileException failure)
        {
            damaged.Add(failure);
        }
    }
}
