using Diffusion.Snapshots.Files;
using Diffusion.Worker.Session;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Remote;

/// <summary>Some bytes of a file on their way.</summary>
internal readonly record struct FilePiece(long Offset, ReadOnlyMemory<byte> Bytes, uint Crc32C);

/// <summary>Reads a file of the coordinator to its end, whatever happens to the stream: a broken one is taken up again, a damaged piece is asked for again.</summary>
internal sealed class FileDownload(WorkerTimeouts timeouts, TimeProvider time, ILogger logger)
{
    private const int MostDamagedInARow = 5;

    /// <summary>Opens a stream of pieces from an offset on.</summary>
    public delegate IAsyncEnumerable<FilePiece> Open(long offset, CancellationToken cancellationToken);

    /// <summary>Reads from an offset to the end.</summary>
    /// <param name="what">Name, for messages.</param>
    /// <param name="offset">First byte wanted.</param>
    /// <param name="length">Size of the whole file.</param>
    /// <param name="open">Opens a stream.</param>
    /// <param name="sink">Takes the bytes in order.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <exception cref="IOException">The coordinator does not come back, or every attempt arrives damaged.</exception>
    /// <exception cref="RpcException">The coordinator answers no.</exception>
    public async Task ReadAsync(string what, long offset, long length, Open open, Action<ReadOnlyMemory<byte>> sink, CancellationToken cancellationToken)
    {
        var redial = new Redial(timeouts, time);
        int damaged = 0;
        while (offset < length)
        {
            long before = offset;
            string broken;
            try
            {
                await foreach (var piece in open(offset, cancellationToken).ConfigureAwait(false))
                {
                    if (piece.Offset != offset || piece.Bytes.IsEmpty || piece.Bytes.Length > length - offset || Crc32C.Compute(piece.Bytes.Span) != piece.Crc32C)
                    {
                        damaged = offset > before ? 1 : damaged + 1;
                        throw new DamagedPieceException($"{what}: {piece.Bytes.Length} bytes at {piece.Offset} arrived damaged or out of place (expected offset {offset} of {length})");
                    }

                    sink(piece.Bytes);
                    offset += piece.Bytes.Length;
                }

                broken = offset < length ? $"{what}: the stream ended at {offset} of {length} bytes" : "";
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (DamagedPieceException e)
            {
                broken = e.Message;
            }
            catch (RpcException e) when (CoordinatorChannel.IsUnreachable(e))
            {
                broken = $"{what}: the stream broke at {offset} of {length} bytes ({e.Status.Detail})";
            }

            if (offset == length)
            {
                return;
            }

            redial = offset > before ? new Redial(timeouts, time) : redial;
            if (redial.IsHopeless || damaged >= MostDamagedInARow)
            {
                throw new IOException($"{broken}. It was tried again for {redial.Elapsed.TotalSeconds:0} s; check the network between this box and the coordinator.");
            }

            logger.LogWarning("{Broken}; it is taken up again there", broken);
            await redial.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private sealed class DamagedPieceException(string message) : Exception(message);
}
