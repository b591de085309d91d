using System.IO.Compression;

namespace Diffusion.Data;

/// <summary>Where the dataset tool puts its files.</summary>
internal interface IImageSink : IDisposable
{
    void Write(string name, ReadOnlySpan<byte> content);

    /// <summary>Makes everything written appear under its final name.</summary>
    void Complete();
}

/// <summary>A ZIP of stored entries, under a temporary name until it is complete.</summary>
internal sealed class ZipSink : IImageSink
{
    private readonly string path;
    private readonly string temporary;
    private readonly FileStream file;
    private readonly ZipArchive archive;
    private bool complete;

    public ZipSink(string path)
    {
        if (Path.Exists(path))
        {
            throw new DatasetException($"{path} exists already. Delete it or choose another destination.");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        this.path = path;
        temporary = path + ".tmp";
        file = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite);
        archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true);
    }

    public void Write(string name, ReadOnlySpan<byte> content)
    {
        using Stream entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
        entry.Write(content);
    }

    public void Complete()
    {
        archive.Dispose();
        file.Flush(flushToDisk: true);
        file.Dispose();
        File.Move(temporary, path);
        DurableFile.SyncDirectory(Path.GetDirectoryName(path)!);
        complete = true;
    }

    public void Dispose()
    {
        if (complete)
        {
            return;
        }

        try
        {
            archive.Dispose();
        }
        finally
        {
            file.Dispose();
            File.Delete(temporary);
        }
    }
}

/// <summary>A folder, which must be empty before.</summary>
internal sealed class FolderSink : IImageSink
{
    private readonly string path;

    public FolderSink(string path)
    {
        if (File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any()))
        {
            throw new DatasetException($"{path} is not an empty folder. Empty it or choose another destination.");
        }

        Directory.CreateDirectory(path);
        this.path = path;
    }

    public void Write(string name, ReadOnlySpan<byte> content)
    {
        string file = Path.Combine(path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, content);
    }

    // The label file comes last: a folder without it is not finished.
    public void Complete() => DurableFile.SyncDirectory(path);

    public void Dispose()
    {
        // What was written stays, so that a long conversion that failed can be looked at.
    }
}
