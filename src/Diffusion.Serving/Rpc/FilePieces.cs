using Diffusion.Snapshots.Files;
using Google.Protobuf;
using Grpc.Core;

namespace Diffusion.Serving;

/// <summary>Reads a file in pieces for a stream. Two pieces are in memory: one is read while the other is sent, and a slow reader makes both wait.</summary>
public static class FilePieces
{
    /// <summary>Most bytes of a piece.</summary>
    public const int PieceBytes = 1 << 20;

    /// <summary>Sends a file by its name.</summary>
    /// <param name="path">The file.</param>
    /// <param name="offset">First byte wanted.</param>
    /// <param name="length">Size the file must have.</param>
    /// <param name="send">Takes offset, bytes and CRC-32C; the bytes are valid until its task completes.</param>
    /// <param name="cancellationToken">The reader is gone.</param>
    /// <exception cref="RpcException">There is no such file, it is not as long as it should be, or the offset is outside of it.</exception>
    public static async Task SendAsync(string path, long offset, long length, Func<long, ByteString, uint, Task> send, CancellationToken cancellationToken)
    {
        CheckOffset(offset, length, path);
        using var file = Open(path);
        if (file.Length != length)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, $"{path} has {file.Length} bytes on the coordinator's machine, not {length}: it is damaged. Delete it there; it is made anew or passed over."));
        }

        await SendAsync(file, offset, send, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a file from an offset to its end.</summary>
    /// <param name="file">The file, without a buffer of its own.</param>
    /// <param name="offset">First byte wanted.</param>
    /// <param name="send">Takes offset, bytes and CRC-32C; the bytes are valid until its task completes.</param>
    /// <param name="cancellationToken">The reader is gone.</param>
    /// <exception cref="RpcException">The offset is outside of the file.</exception>
    public static async Task SendAsync(FileStream file, long offset, Func<long, ByteString, uint, Task> send, CancellationToken cancellationToken)
    {
        CheckOffset(offset, file.Length, file.Name);
        int size = (int)Math.Min(PieceBytes, Math.Max(1, file.Length - offset));
        byte[] reading = new byte[size];
        byte[] sending = new byte[size];
        file.Position = offset;
        var sent = Task.CompletedTask;
        try
        {
            int count;
            while ((count = await file.ReadAtLeastAsync(reading, size, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false)) > 0)
            {
                uint crc = Crc32C.Compute(reading.AsSpan(0, count));
                await sent.ConfigureAwait(false);
                (reading, sending) = (sending, reading);
                sent = send(offset, UnsafeByteOperations.UnsafeWrap(sending.AsMemory(0, count)), crc);
                offset += count;
            }
        }
        finally
        {
            await sent.ConfigureAwait(false);
        }
    }

    private static void CheckOffset(long offset, long length, string path)
    {
        if (offset < 0 || offset > length)
        {
            throw new RpcException(new Status(StatusCode.OutOfRange, $"Offset {offset} lies outside of {Path.GetFileName(path)}, which has {length} bytes."));
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
