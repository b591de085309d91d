using System.Runtime.CompilerServices;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Diffusion.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Serving;

/// <summary>Weights that were fetched.</summary>
/// <param name="Path">The whole, verified file.</param>
/// <param name="Run">Name of the run.</param>
/// <param name="ImagesSeen">Training time, in images.</param>
/// <param name="RelativeStd">Length σ_rel.</param>
/// <param name="ElementType">Type of the weights.</param>
/// <param name="IsTracked">Whether training stored this length at this time.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="ContentId">Its digest.</param>
/// <param name="Resumed">How often the stream had to be taken up again.</param>
public sealed record FetchedWeights(string Path, string Run, long ImagesSeen, double RelativeStd, ElementType ElementType, bool IsTracked, long Bytes, string ContentId, int Resumed);

/// <summary>How long a client tries.</summary>
public sealed record SnapshotClientOptions
{
    /// <summary>Time after which a broken stream that brings no byte is given up.</summary>
    /// <value>60 s.</value>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Wait before the first retry; it doubles up to 16 times of this.</summary>
    /// <value>0.25 s.</value>
    public TimeSpan FirstWait { get; init; } = TimeSpan.FromSeconds(0.25);

    /// <summary>Attempts in a row that may bring damaged bytes.</summary>
    /// <value>5.</value>
    public int DamagedInARow { get; init; } = 5;
}

/// <summary>
/// Asks a coordinator, or <c>serve</c>, for runs, snapshots and weights. A stream that breaks is taken up where it stopped; every chunk is compared
/// with its checksum and the whole with its digest; a file is visible under its name only when it is right. Many calls may run at once.
/// </summary>
public sealed class SnapshotClient : IDisposable
{
    private readonly GrpcChannel channel;
    private readonly SnapshotService.SnapshotServiceClient service;
    private readonly SnapshotClientOptions options;
    private readonly TimeProvider time;

    /// <summary>Creates a client; nothing is sent yet.</summary>
    /// <param name="address"><c>HOST:PORT</c> of gRPC.</param>
    /// <param name="options">How long to try.</param>
    /// <param name="time">The clock.</param>
    public SnapshotClient(string address, SnapshotClientOptions? options = null, TimeProvider? time = null)
    {
        Address = address;
        this.options = options ?? new SnapshotClientOptions();
        this.time = time ?? TimeProvider.System;
        channel = GrpcChannel.ForAddress($"http://{address}", new GrpcChannelOptions
        {
            // A box that vanished is noticed by pings, as no byte may come while a reconstruction is made.
            HttpHandler = new SocketsHttpHandler { KeepAlivePingDelay = TimeSpan.FromSeconds(5), KeepAlivePingTimeout = TimeSpan.FromSeconds(10), EnableMultipleHttp2Connections = true },
            DisposeHttpClient = true,
        });
        service = new SnapshotService.SnapshotServiceClient(channel);
    }

    /// <summary>Whom it asks.</summary>
    public string Address { get; }

    /// <summary>The runs served there.</summary>
    /// <exception cref="RpcException">Nobody answers.</exception>
    public async Task<IReadOnlyList<ServedRun>> ListRunsAsync(CancellationToken cancellationToken) =>
        [.. (await service.ListRunsAsync(new ListRunsRequest(), Soon(cancellationToken)).ConfigureAwait(false)).Runs.Select(run => run.FromMessage())];

    /// <summary>Where the same is served as plain HTTP; null when it is not.</summary>
    /// <exception cref="RpcException">Nobody answers.</exception>
    public async Task<Uri?> FindHttpAsync(CancellationToken cancellationToken)
    {
        int port = (await service.ListRunsAsync(new ListRunsRequest(), Soon(cancellationToken)).ConfigureAwait(false)).HttpPort;
        return port == 0 ? null : new UriBuilder($"http://{Address}/runs") { Port = port }.Uri;
    }

    /// <summary>The snapshots of a run.</summary>
    /// <param name="run">Name or id; may be empty where one is served.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    /// <exception cref="RpcException">There is no such run (NotFound), or nobody answers.</exception>
    public async Task<SnapshotList> ListSnapshotsAsync(string run, CancellationToken cancellationToken) =>
        (await service.ListSnapshotsAsync(new ListSnapshotsRequest { Run = run }, Soon(cancellationToken)).ConfigureAwait(false)).FromMessage();

    /// <summary>What a query would be answered with; nothing is made.</summary>
    /// <exception cref="RpcException">It cannot be answered (NotFound, InvalidArgument), or nobody answers.</exception>
    public async Task<WeightsDescription> DescribeAsync(WeightsQuery query, CancellationToken cancellationToken) =>
        (await service.DescribeSnapshotAsync(new DescribeSnapshotRequest { Weights = query.ToMessage() }, Soon(cancellationToken)).ConfigureAwait(false)).FromMessage();

    /// <summary>Fetches weights into a file.</summary>
    /// <param name="query">Which.</param>
    /// <param name="path">Name of the file; replaced only by a whole one.</param>
    /// <param name="progress">Told bytes that are there and bytes in all.</param>
    /// <param name="cancellationToken">Ends it; nothing is left then.</param>
    /// <exception cref="RpcException">The query cannot be answered (NotFound, InvalidArgument and so on, as the service says).</exception>
    /// <exception cref="IOException">The server stayed away, or what came is damaged however often it is asked for.</exception>
    /// <exception cref="SaveFailedException">The disk refused.</exception>
    public Task<FetchedWeights> FetchAsync(WeightsQuery query, string path, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken) =>
        FetchAsync(query, _ => path, reuse: false, progress, cancellationToken);

    /// <summary>Fetches weights into a directory, under their digest; what is there already, whole, is not fetched again.</summary>
    /// <param name="query">Which.</param>
    /// <param name="directory">Created where it does not exist. Several processes may share it.</param>
    /// <param name="progress">Told bytes that are there and bytes in all.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <inheritdoc cref="FetchAsync(WeightsQuery, string, IProgress{ValueTuple{long, long}}?, CancellationToken)" path="/exception"/>
    public Task<FetchedWeights> FetchIntoAsync(WeightsQuery query, string directory, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        return FetchAsync(query, header => Path.Combine(directory, NameOf(header)), reuse: true, progress, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => channel.Dispose();

    private async Task<FetchedWeights> FetchAsync(WeightsQuery query, Func<WeightsHeader, string> pathOf, bool reuse, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken)
    {
        using var fetch = new WeightsFetch(pathOf, reuse);
        var retries = new Retries(options, time);
        while (true)
        {
            try
            {
                await foreach (var part in StreamAsync(query, fetch, cancellationToken).ConfigureAwait(false))
                {
                    if (fetch.Take(part))
                    {
                        retries.Progressed();
                        progress?.Report((fetch.Done, fetch.Header!.Bytes));
                    }

                    if (fetch.IsComplete)
                    {
                        return fetch.Finish(retries.Count);
                    }
                }

                await retries.WaitAsync($"the stream ended after {fetch.Done} bytes", null, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (DamagedChunkException e)
            {
                retries.Damaged(e);
                await retries.WaitAsync(e.Message, e, cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException e) when (IsUnreachable(e))
            {
                await retries.WaitAsync($"the stream broke after {fetch.Done} bytes ({e.Status.Detail})", e, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async IAsyncEnumerable<StreamWeightsResponse> StreamAsync(WeightsQuery query, WeightsFetch fetch, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // What was the latest at first stays what is fetched.
        var weights = (fetch.Header is { } header ? query with { Run = header.Run, ImagesSeen = header.ImagesSeen } : query).ToMessage();
        using var call = service.StreamWeights(new StreamWeightsRequest { Weights = weights, Offset = fetch.Done, ExpectedContentId = fetch.Header?.ContentId ?? "" }, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            yield return call.ResponseStream.Current;
        }
    }

    private CallOptions Soon(CancellationToken cancellationToken) => new(deadline: (time.GetUtcNow() + options.Patience).UtcDateTime, cancellationToken: cancellationToken);

    // A call that a dying server cut may say any of these.
    private static bool IsUnreachable(RpcException e) => e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unknown or StatusCode.Cancelled;

    private static string NameOf(WeightsHeader header) => header.ContentId.Length == 64 && header.ContentId.All(char.IsAsciiHexDigitLower)
        ? header.ContentId + ".safetensors"
        : throw new IOException($"The server names weights '{header.ContentId}', which is no digest.");
}
