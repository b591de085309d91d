using Diffusion.Snapshots.Files;
using Google.Protobuf;
using Grpc.Core;

namespace Diffusion.Coordinator.Services;

/// <summary>Reads a file in pieces for a stream. One piece is in memory at a time; a slow reader makes the sender wait.</summary>
internal static class FilePieces
{
    public const int PieceBytes = 1 << 20;

    /// <summary>Sends a file from an offset to its end.</summary>
    /// <param name="path">The file.</param>
    /// <param name="offset">First byte wanted.</param>
    /// <param name="length">Size the file must have.</param>
    /// <param name="send">Takes offset, bytes and CRC-32C; the bytes are valid until its task completes.</param>
    /// <param name="cancellationToken">The reader is gone.</param>
    /// <exception cref="RpcException">The offset is outside of the file, or the file is not as long as it should be.</exception>
    public static async Task SendAsync(string path, long offset, long length, Func<long, ByteString, uint, Task> send, CancellationToken cancellationToken)
    {
        if (offset < 0 || offset > length)
        {
            throw new RpcException(new Status(StatusCode.OutOfRange, $"Offset {offset} lies outside of {Path.GetFileName(path)}, which has {length} bytes."));
        }

        using var file = Open(path);
        if (file.Length != length)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, $"{path} has {file.Length} bytes on the coordinator's machine, not {length}: it is damaged. Delete it there; it is made anew or passed over."));
        }

        byte[] buffer = new byte[(int)Math.Min(PieceBytes, Math.Max(1, length - offset))];
        file.Position = offset;
        for (int count; (count = await file.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false)) > 0; offset += count)
        {
            await send(offset, UnsafeByteOperations.UnsafeWrap(buffer.AsMemory(0, count)), Crc32C.Compute(buffer.AsSpan(0, count))).ConfigureAwait(false);
        }
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcException(new Status(StatusCode.NotFound, $"The coordinator cannot open {path}: {e.Message}"));
        }
    }
}
