using System.Security.Cryptography;
using Diffusion.Snapshots.Files;
using Diffusion.V1;
using Diffusion.Worker.Session;
using Google.Protobuf;
using Grpc.Core;

namespace Diffusion.Worker.Remote;

/// <summary>Sends one file in pieces, from where a broken stream stopped. The reader's pace is the sender's: one piece is in memory at a time.</summary>
internal static class FileUpload
{
    private const int PieceBytes = 1 << 20;

    /// <exception cref="RpcException">The coordinator did not take it, or is gone.</exception>
    /// <param name="client">The coordinator's service.</param>
    /// <param name="header">Sender and place.</param>
    /// <param name="path">The file.</param>
    /// <param name="deadline">Until when the coordinator says what it has of the file already; sending takes what it takes.</param>
    /// <param name="cancellationToken">Ends sending.</param>
    public static async Task SendAsync(StorageService.StorageServiceClient client, UploadHeader header, string path, DateTime deadline, CancellationToken cancellationToken)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        header.Bytes = file.Length;
        var found = await client.FindUploadAsync(new FindUploadRequest { Header = header }, deadline: deadline, cancellationToken: cancellationToken).ConfigureAwait(false);
        header.Offset = Math.Clamp(found.Bytes, 0, file.Length);
        using var call = client.UploadFile(cancellationToken: cancellationToken);
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            // A write to a call that was answered before its end may never return, not even when it is cancelled: the answer ends the writing.
            var writing = WriteAsync(call.RequestStream, header, file, stopped.Token);
            await Task.WhenAny(writing, call.ResponseAsync).ConfigureAwait(false);
            await stopped.CancelAsync().ConfigureAwait(false);
            await writing.WaitAsync(stopped.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // The call was ended from the other side; its answer, awaited below, says why.
        }

        await call.ResponseAsync.ConfigureAwait(false);
    }

    private static async Task WriteAsync(IClientStreamWriter<UploadFileRequest> stream, UploadHeader header, FileStream file, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(new UploadFileRequest { Header = header }, cancellationToken).ConfigureAwait(false);
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[PieceBytes];
        long offset = 0;
        for (int count; (count = await file.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false)) > 0; offset += count)
        {
            sha.AppendData(buffer, 0, count);
            int there = (int)Math.Clamp(header.Offset - offset, 0, count);
            if (there < count)
            {
                var rest = buffer.AsMemory(there, count - there);
                var piece = new V1.FilePiece { Offset = offset + there, Data = UnsafeByteOperations.UnsafeWrap(rest), Crc32C = Crc32C.Compute(rest.Span) };
                await stream.WriteAsync(new UploadFileRequest { Piece = piece }, cancellationToken).ConfigureAwait(false);
            }
        }

        await stream.WriteAsync(new UploadFileRequest { Sha256 = Convert.ToHexStringLower(sha.GetHashAndReset()) }, cancellationToken).ConfigureAwait(false);
        await stream.CompleteAsync().ConfigureAwait(false);
    }
}
