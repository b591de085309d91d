using System.Runtime.CompilerServices;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Serving;

/// <summary>Who evaluates.</summary>
/// <param name="Id">Chosen once per device and process.</param>
/// <param name="Name">For people.</param>
/// <param name="Numerics">What decides the bits of its results.</param>
/// <param name="Metrics">What it measures.</param>
/// <param name="Trusted">Digests of the TorchScript files it was started with.</param>
public sealed record EvaluatorIdentity(string Id, string Name, string Numerics, IReadOnlyList<string> Metrics, IReadOnlyList<string> Trusted);

/// <summary>Submits and watches evaluations at a coordinator, or <c>serve</c>; and, for evaluators, leases their parts and reports them. Calls may run at once.</summary>
public sealed class EvaluationClient : IDisposable
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongPoll = TimeSpan.FromSeconds(20);

    private readonly GrpcChannel channel;
    private readonly V1.EvaluationService.EvaluationServiceClient service;

    /// <summary>Creates a client; nothing is sent yet.</summary>
    /// <param name="address"><c>HOST:PORT</c> of gRPC.</param>
    public EvaluationClient(string address)
    {
        Address = address;
        channel = GrpcChannel.ForAddress($"http://{address}", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { KeepAlivePingDelay = TimeSpan.FromSeconds(5), KeepAlivePingTimeout = TimeSpan.FromSeconds(10), EnableMultipleHttp2Connections = true },
            DisposeHttpClient = true,
        });
        service = new V1.EvaluationService.EvaluationServiceClient(channel);
    }

    /// <summary>Whom it asks.</summary>
    public string Address { get; }

    /// <summary>Queues jobs. One that is there already, or whose scores are in the catalogue, is not queued twice.</summary>
    /// <returns>The jobs, in the same order; <see cref="JobReport.Key"/> names them from now on.</returns>
    /// <exception cref="RpcException">They make no sense (InvalidArgument), run or snapshot are not there (NotFound), files were not uploaded (FailedPrecondition), or nobody answers.</exception>
    public async Task<IReadOnlyList<JobReport>> SubmitAsync(IEnumerable<EvaluationJob> jobs, CancellationToken cancellationToken) =>
        [.. (await service.SubmitEvaluationsAsync(new V1.SubmitEvaluationsRequest { Jobs = { jobs.Select(j => j.ToMessage()) } }, Soon(cancellationToken)).ConfigureAwait(false)).Evaluations.Select(e => e.FromMessage())];

    /// <summary>Jobs as they are now, in the order they were submitted.</summary>
    /// <param name="run">Name or id; empty for all that are served.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    public async Task<IReadOnlyList<JobReport>> ListAsync(string run, CancellationToken cancellationToken) =>
        [.. (await service.ListEvaluationsAsync(new V1.ListEvaluationsRequest { Run = run }, Soon(cancellationToken)).ConfigureAwait(false)).Evaluations.Select(e => e.FromMessage())];

    /// <summary>Jobs as they are now, then each one that changes, until all of them are over.</summary>
    /// <exception cref="RpcException">There is no such job, or the server went away: watch again.</exception>
    public async IAsyncEnumerable<JobReport> WatchAsync(string run, IEnumerable<string> keys, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var call = service.WatchEvaluations(new V1.WatchEvaluationsRequest { Run = run, Keys = { keys } }, cancellationToken: cancellationToken);
        while (await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            yield return call.ResponseStream.Current.Evaluation.FromMessage();
        }
    }

    /// <summary>Waits until jobs are over.</summary>
    /// <param name="run">Their run.</param>
    /// <param name="keys">Which; at least one.</param>
    /// <param name="progress">Told every change.</param>
    /// <param name="cancellationToken">Ends waiting; the jobs go on.</param>
    /// <returns>The jobs in the order of <paramref name="keys"/>, each done, failed or cancelled.</returns>
    public async Task<IReadOnlyList<JobReport>> WaitAsync(string run, IReadOnlyCollection<string> keys, IProgress<JobReport>? progress, CancellationToken cancellationToken)
    {
        var last = new Dictionary<string, JobReport>(StringComparer.Ordinal);
        await foreach (var report in WatchAsync(run, keys, cancellationToken).ConfigureAwait(false))
        {
            last[report.Key] = report;
            progress?.Report(report);
        }

        return [.. keys.Select(key => last[key])];
    }

    /// <summary>Gives up jobs.</summary>
    /// <returns>How many were not over.</returns>
    public async Task<int> CancelAsync(string run, IEnumerable<string> keys, CancellationToken cancellationToken) =>
        (await service.CancelEvaluationsAsync(new V1.CancelEvaluationsRequest { Run = run, Keys = { keys } }, Soon(cancellationToken)).ConfigureAwait(false)).Cancelled;

    /// <summary>Makes a file known to a run's evaluations, sending it if it is not there.</summary>
    /// <returns>Its SHA-256, by which jobs refer to it.</returns>
    public async Task<string> UploadAsync(string run, string path, CancellationToken cancellationToken)
    {
        string digest = await Task.Run(() => EvaluationFiles.DigestOf(path), cancellationToken).ConfigureAwait(false);
        using var call = service.UploadArtifact(cancellationToken: cancellationToken);
        await SendAsync(call.RequestStream, new V1.UploadArtifactRequest { Header = new V1.ArtifactHeader { Run = run, Sha256 = digest, Bytes = new FileInfo(path).Length } }, path, piece => new V1.UploadArtifactRequest { Piece = piece }, cancellationToken).ConfigureAwait(false);
        await call.ResponseAsync.ConfigureAwait(false);
        return digest;
    }

    /// <summary>Fetches a file of a run's evaluations into a folder, under its digest; one that is there, whole, is not fetched again.</summary>
    /// <returns>Its path.</returns>
    /// <exception cref="IOException">What arrived is damaged.</exception>
    public async Task<string> FetchIntoAsync(string run, string digest, EvaluationFiles folder, CancellationToken cancellationToken)
    {
        if (await Task.Run(() => folder.Verify(digest), cancellationToken).ConfigureAwait(false))
        {
            return folder.PathOf(digest);
        }

        ArrivingFile? file = null;
        var retries = new Retries(new SnapshotClientOptions(), TimeProvider.System);
        try
        {
            while (file is not { IsComplete: true })
            {
                try
                {
                    file ??= await BeginAsync(run, digest, folder, cancellationToken).ConfigureAwait(false);
                    await ReceiveAsync(run, digest, file, retries, cancellationToken).ConfigureAwait(false);
                    if (!file.IsComplete)
                    {
                        await retries.WaitAsync($"the stream ended after {file.Done} bytes", null, cancellationToken).ConfigureAwait(false);
                    }
                }
                catch (DamagedChunkException e)
                {
                    retries.Damaged(e);
                    await retries.WaitAsync(e.Message, e, cancellationToken).ConfigureAwait(false);
                }
                catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unknown or StatusCode.Cancelled && !cancellationToken.IsCancellationRequested)
                {
                    await retries.WaitAsync($"the stream broke ({e.Status.Detail})", e, cancellationToken).ConfigureAwait(false);
                }
            }

            file.Finish();
            return folder.PathOf(digest);
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Asks for work; the server keeps the question for a while when there is none.</summary>
    /// <exception cref="RpcException">Protocol or build differ (FailedPrecondition), or nobody answers.</exception>
    public async Task<LeaseAnswer> LeaseAsync(EvaluatorIdentity evaluator, TimeSpan? wait, CancellationToken cancellationToken)
    {
        var patience = wait ?? LongPoll;
        var answer = await service.LeaseAsync(
            new V1.LeaseRequest
            {
                EvaluatorId = evaluator.Id,
                Name = evaluator.Name,
                Protocol = EvaluationProtocol.Version,
                Build = EvaluationProtocol.Build,
                Numerics = evaluator.Numerics,
                Metrics = { evaluator.Metrics },
                Trusted = { evaluator.Trusted },
                WaitSeconds = patience.TotalSeconds,
            },
            new CallOptions(deadline: (TimeProvider.System.GetUtcNow() + patience + AnswerTime).UtcDateTime, cancellationToken: cancellationToken)).ConfigureAwait(false);
        return new LeaseAnswer(answer.Task?.FromMessage(), answer.Reason, answer.AllOver);
    }

    /// <summary>Says that a task is being worked on.</summary>
    /// <returns>Why it is not needed any more; null to go on.</returns>
    public async Task<string?> RenewAsync(EvaluatorIdentity evaluator, EvaluationTask task, int seedsDone, CancellationToken cancellationToken)
    {
        var answer = await service.RenewAsync(
            new V1.RenewRequest { EvaluatorId = evaluator.Id, Name = evaluator.Name, Run = task.Job.Run, Key = task.Key, Part = task.Part, SeedsDone = seedsDone }, Soon(cancellationToken)).ConfigureAwait(false);
        return answer.Lost ? answer.Reason : null;
    }

    /// <summary>Brings the statistics of a part.</summary>
    /// <returns>Why they were not needed; null when they were taken.</returns>
    public Task<string?> ReportAsync(EvaluatorIdentity evaluator, EvaluationTask task, string statisticsPath, CancellationToken cancellationToken)
    {
        var header = Header(evaluator, task);
        header.Statistics = new V1.ArtifactHeader { Run = task.Job.Run, Sha256 = EvaluationFiles.DigestOf(statisticsPath), Bytes = new FileInfo(statisticsPath).Length };
        return ReportAsync(header, statisticsPath, cancellationToken);
    }

    /// <summary>Brings the scores of the last step.</summary>
    /// <returns>Why they were not needed; null when they were taken.</returns>
    public Task<string?> ReportAsync(EvaluatorIdentity evaluator, EvaluationTask task, IEnumerable<Score> scores, IEnumerable<string> remarks, CancellationToken cancellationToken)
    {
        var header = Header(evaluator, task);
        header.Scores = new V1.MergedScores { Scores = { scores.Select(s => s.ToMessage()) }, Remarks = { remarks } };
        return ReportAsync(header, null, cancellationToken);
    }

    /// <summary>Says why there is no result.</summary>
    /// <param name="evaluator">Who says so.</param>
    /// <param name="task">Of which task.</param>
    /// <param name="reason">As a sentence.</param>
    /// <param name="isFinal">Whether nobody could do better.</param>
    /// <param name="cancellationToken">Ends waiting.</param>
    public Task ReportFailureAsync(EvaluatorIdentity evaluator, EvaluationTask task, string reason, bool isFinal, CancellationToken cancellationToken)
    {
        var header = Header(evaluator, task);
        header.Failure = new V1.TaskFailure { Reason = reason, Final = isFinal };
        return ReportAsync(header, null, cancellationToken);
    }

    /// <summary>Gives a task back.</summary>
    public Task GiveBackAsync(EvaluatorIdentity evaluator, EvaluationTask task, CancellationToken cancellationToken)
    {
        var header = Header(evaluator, task);
        header.Failure = new V1.TaskFailure { GivenBack = true };
        return ReportAsync(header, null, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => channel.Dispose();

    private async Task<ArrivingFile> BeginAsync(string run, string digest, EvaluationFiles folder, CancellationToken cancellationToken)
    {
        using var call = service.FetchArtifact(new V1.FetchArtifactRequest { Run = run, Sha256 = digest }, cancellationToken: cancellationToken);
        return await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false) && call.ResponseStream.Current.Header is { } header
            ? folder.Begin(digest, header.Bytes)
            : throw new DamagedChunkException($"The file {digest[..12]}… of run {run} came without a header");
    }

    /// <summary>Takes a file up where it stopped.</summary>
    private async Task ReceiveAsync(string run, string digest, ArrivingFile begun, Retries retries, CancellationToken cancellationToken)
    {
        using var call = service.FetchArtifact(new V1.FetchArtifactRequest { Run = run, Sha256 = digest, Offset = begun.Done }, cancellationToken: cancellationToken);
        while (!begun.IsComplete && await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
        {
            if (call.ResponseStream.Current.Piece is { } piece)
            {
                if (piece.Offset != begun.Done || Crc32C.Compute(piece.Data.Span) != piece.Crc32C)
                {
                    throw new DamagedChunkException($"{piece.Data.Length} bytes at {piece.Offset} arrived damaged or out of place (expected offset {begun.Done})");
                }

                begun.Append(piece.Offset, piece.Data.Span);
                retries.Progressed();
            }
        }
    }

    private static V1.ReportHeader Header(EvaluatorIdentity evaluator, EvaluationTask task) =>
        new() { EvaluatorId = evaluator.Id, Name = evaluator.Name, Run = task.Job.Run, Key = task.Key, Part = task.Part, Numerics = evaluator.Numerics };

    private async Task<string?> ReportAsync(V1.ReportHeader header, string? path, CancellationToken cancellationToken)
    {
        using var call = service.Report(cancellationToken: cancellationToken);
        await SendAsync(call.RequestStream, new V1.ReportRequest { Header = header }, path, piece => new V1.ReportRequest { Piece = piece }, cancellationToken).ConfigureAwait(false);
        var answer = await call.ResponseAsync.ConfigureAwait(false);
        return answer.Accepted ? null : answer.Reason;
    }

    private static async Task SendAsync<T>(IClientStreamWriter<T> stream, T header, string? path, Func<V1.ArtifactPiece, T> wrap, CancellationToken cancellationToken)
    {
        try
        {
            await stream.WriteAsync(header, cancellationToken).ConfigureAwait(false);
            if (path is not null)
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
                await FilePieces.SendAsync(file, 0, (offset, data, crc) => stream.WriteAsync(wrap(new V1.ArtifactPiece { Offset = offset, Data = data, Crc32C = crc }), cancellationToken), cancellationToken).ConfigureAwait(false);
            }

            await stream.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException)
        {
            // The server has answered already: it has the file, or refuses it. What it says is in the response.
        }
    }

    private static CallOptions Soon(CancellationToken cancellationToken) => new(deadline: (TimeProvider.System.GetUtcNow() + AnswerTime).UtcDateTime, cancellationToken: cancellationToken);
}
