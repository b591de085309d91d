using System.Globalization;
using System.Runtime.CompilerServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.V1;
using Diffusion.Worker.Session;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Remote;

/// <summary>
/// Gets the run's images from the coordinator. Shards are slices of batches drawn from the whole permuted set, and may move at any step,
/// so every worker needs the whole set and fetches whole files.
/// </summary>
internal sealed class DataFetch(DataService.DataServiceClient client, WorkerTimeouts timeouts, TimeProvider time, ILogger logger)
{
    private readonly FileDownload download = new(timeouts, time, logger);

    /// <summary>Opens this box's copy of the run's images, fetching what is missing.</summary>
    /// <exception cref="ConfigurationException">The coordinator has no images.</exception>
    /// <exception cref="DatasetException">They do not fit on the disk, or are damaged where they come from.</exception>
    public async Task<PackedDataset> OpenAsync(string cacheDirectory, CancellationToken cancellationToken)
    {
        logger.LogInformation("There are no images here; asking the coordinator for them");
        var contents = await DescribeAsync(cancellationToken).ConfigureAwait(false);
        logger.LogInformation("The run's images are {Name}, {Bytes} bytes; what of them is in {Directory} is compared, the rest fetched", contents.Name, contents.Bytes, cacheDirectory);
        return await DatasetReplica.OpenAsync(cacheDirectory, contents, ReadAsync, new ProgressLines(contents.Name, time, logger), cancellationToken).ConfigureAwait(false);
    }

    private async Task<PackedContents> DescribeAsync(CancellationToken cancellationToken)
    {
        var redial = new Redial(timeouts, time);
        while (true)
        {
            try
            {
                // No deadline: the coordinator may have to pack the images first. That it is alive is the connection's matter.
                var described = await client.DescribeDataAsync(new DescribeDataRequest(), cancellationToken: cancellationToken).ConfigureAwait(false);
                var contents = PackedContents.Parse(described.Manifest.Span, "the coordinator");
                return contents.Digest == described.Digest
                    ? contents
                    : throw new DatasetException($"The coordinator describes data {described.Digest}, but its manifest is that of {contents.Digest}. Use the same version of the program on all boxes.");
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RpcException e) when (!CoordinatorChannel.IsUnreachable(e))
            {
                throw new ConfigurationException($"This box has no images (no --data, and the run's data.path is not here), and the coordinator has none to give: {e.Status.Detail}");
            }
            catch (RpcException e) when (redial.IsHopeless)
            {
                throw new IOException($"The coordinator did not say what its images are for {redial.Elapsed.TotalSeconds:0} s ({e.Status.Detail}). Start it again with the same command, then this worker.", e);
            }
            catch (RpcException)
            {
                await redial.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private Task ReadAsync(PackedFile file, long offset, Action<ReadOnlyMemory<byte>> sink, CancellationToken cancellationToken) =>
        download.ReadAsync(file.Name, offset, file.Bytes, (from, token) => PiecesAsync(file.Name, from, token), sink, cancellationToken);

    private async IAsyncEnumerable<FilePiece> PiecesAsync(string fileName, long offset, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var call = client.ReadData(new ReadDataRequest { FileName = fileName, Offset = offset }, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            var piece = call.ResponseStream.Current;
            yield return new FilePiece(piece.Offset, piece.Data.Memory, piece.Crc32C);
        }
    }

    /// <summary>A line for whoever waits: after two seconds, then ever more rarely.</summary>
    private sealed class ProgressLines(string name, TimeProvider time, ILogger logger) : IProgress<FetchProgress>
    {
        private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
        private readonly long start = time.GetTimestamp();
        private TimeSpan next = TimeSpan.FromSeconds(2);

        public void Report(FetchProgress value)
        {
            var elapsed = time.GetElapsedTime(start);
            if (elapsed >= next)
            {
                next = elapsed + TimeSpan.FromTicks(Math.Min(elapsed.Ticks, Longest.Ticks));
                logger.LogInformation(
                    "Fetching {Name}: {Done} of {Total} MB, {Percent} %", name, Megabytes(value.DoneBytes), Megabytes(value.TotalBytes), 100 * value.DoneBytes / Math.Max(1, value.TotalBytes));
            }
        }

        private static string Megabytes(long bytes) => (bytes / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
    }
}
