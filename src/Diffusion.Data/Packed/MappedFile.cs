using System.IO.MemoryMappedFiles;

namespace Diffusion.Data;

/// <summary>A whole file, mapped read-only; its bytes are read by whoever touches them first.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private byte* start;

    public MappedFile(string path, long bytes)
    {
        file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, mapName: null, bytes, MemoryMappedFileAccess.Read);
        view = file.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
        Bytes = bytes;
    }

    public long Bytes { get; }

    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        if (offset < 0 || length < 0 || offset + length > Bytes)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{length} bytes at {offset} lie outside a file of {Bytes}.");
        }

        return new ReadOnlySpan<byte>(start + offset, length);
    }

    public void Dispose()
    {
        if (start is null)
        {
            return;
        }

        start = null;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file.Dispose();
    }
}
