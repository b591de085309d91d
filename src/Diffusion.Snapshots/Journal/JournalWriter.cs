using Diffusion.Snapshots.Files;
using Microsoft.Win32.SafeHandles;

namespace Diffusion.Snapshots.Journal;

/// <summary>Appends records to a journal. One writer at a time: the file is locked. Not for several threads at once.</summary>
public sealed class JournalWriter : IDisposable
{
    private readonly WriterLock writerLock;
    private SafeFileHandle handle;
    private readonly bool syncEveryRecord;
    private long length;
    private Exception? broken;

    private JournalWriter(string path, WriterLock writerLock, SafeFileHandle handle, bool syncEveryRecord, JournalContents contents)
    {
        Path = path;
        this.writerLock = writerLock;
        this.handle = handle;
        this.syncEveryRecord = syncEveryRecord;
        length = contents.ValidLength;
        ContentsAtOpening = contents;
    }

    /// <summary>The journal's file.</summary>
    public string Path { get; }

    /// <summary>What the journal held when it was opened, and whether an interrupted append was cut off.</summary>
    public JournalContents ContentsAtOpening { get; }

    /// <summary>Opens a journal for appending, creating it where it does not exist. An interrupted last append is cut off.</summary>
    /// <param name="path">The journal; its directory exists.</param>
    /// <param name="syncEveryRecord">Whether <see cref="Append"/> returns only when the record is on the disk.</param>
    /// <exception cref="DamagedFileException">The journal is damaged in the middle.</exception>
    /// <exception cref="SaveFailedException">Another process has it open, or the file system refused.</exception>
    public static JournalWriter Open(string path, bool syncEveryRecord = true)
    {
        var writerLock = WriterLock.Take(path);
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            var writer = new JournalWriter(path, writerLock, handle, syncEveryRecord, JournalReader.Read(path));
            writer.Prepare();
            return writer;
        }
        catch (Exception failure)
        {
            handle?.Dispose();
            writerLock.Dispose();
            if (failure is UnauthorizedAccessException or (IOException and not (DamagedFileException or SaveFailedException)))
            {
                throw new SaveFailedException(path, "opening it for appending", failure);
            }

            throw;
        }
    }

    /// <summary>Appends one record.</summary>
    /// <param name="payload">Up to 64 MiB.</param>
    /// <exception cref="SaveFailedException">The file system refused. The journal is as before; the append may be tried again.</exception>
    public void Append(ReadOnlySpan<byte> payload)
    {
        if (broken is not null)
        {
            throw new SaveFailedException(Path, "appending after a failure that could not be undone", broken);
        }

        if (payload.Length > JournalFormat.MaxPayload)
        {
            throw new ArgumentException($"A record of {payload.Length} bytes is over the limit of {JournalFormat.MaxPayload}. Store it as a file and record its name.", nameof(payload));
        }

        byte[] record = JournalFormat.Frame(payload);
        try
        {
            RandomAccess.Write(handle, record, length);
            if (syncEveryRecord)
            {
                RandomAccess.FlushToDisk(handle);
            }

            length += record.Length;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            Undo();
            throw new SaveFailedException(Path, "appending a record", failure);
        }
    }

    /// <summary>Puts other records in place of all there are, by a new file under the same name: after a kill at any moment the journal holds either all the old ones or all the new ones.</summary>
    /// <param name="payloads">The records, in order.</param>
    /// <exception cref="SaveFailedException">The file system refused. The journal is as before, or as after when only the last flush failed; appending goes on.</exception>
    public void Replace(IEnumerable<ReadOnlyMemory<byte>> payloads)
    {
        using (var file = AtomicFile.Create(Path))
        {
            file.Append(JournalFormat.Signature);
            foreach (var payload in payloads)
            {
                file.Append(JournalFormat.Frame(payload.Span));
            }

            file.Commit();
        }

        // Until here appends go to the file that was; from here to the one that is.
        try
        {
            var next = File.OpenHandle(Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            handle.Dispose();
            handle = next;
            length = RandomAccess.GetLength(handle);
            broken = null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            broken = failure;
            throw new SaveFailedException(Path, "opening it again after replacing its records", failure);
        }
    }

    /// <summary>Makes everything appended so far durable.</summary>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public void Flush()
    {
        try
        {
            RandomAccess.FlushToDisk(handle);
        }
        catch (IOException failure)
        {
            throw new SaveFailedException(Path, "flushing it to the disk", failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        handle.Dispose();
        writerLock.Dispose();
    }

    private void Prepare()
    {
        if (ContentsAtOpening.IsTailCut)
        {
            RandomAccess.SetLength(handle, length);
        }

        if (length == 0)
        {
            RandomAccess.Write(handle, JournalFormat.Signature, 0);
            length = JournalFormat.Signature.Length;
            RandomAccess.FlushToDisk(handle);
            DirectorySync.Flush(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!);
        }
    }

    /// <summary>A half-written record would turn the next one into damage in the middle.</summary>
    private void Undo()
    {
        try
        {
            RandomAccess.SetLength(handle, length);
        }
        catch (IOException failure)
        {
            broken = failure;
        }
    }
}
