using System.Diagnostics.CodeAnalysis;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using Grpc.Core;

namespace Diffusion.Serving;

/// <summary>The queues of evaluations over gRPC.</summary>
internal sealed class EvaluationEndpoint(EvaluationHost host) : V1.EvaluationService.EvaluationServiceBase
{
    private const int LongestName = 200;
    private const int MostJobs = 10_000;
    private const long MostStatisticsBytes = 4L << 30;

    public override Task<V1.SubmitEvaluationsResponse> SubmitEvaluations(V1.SubmitEvaluationsRequest request, ServerCallContext context) => Refusals.Answer(context, async () =>
    {
        Require(request.Jobs.Count is > 0 and <= MostJobs, $"{request.Jobs.Count} jobs; 1 to {MostJobs} at once.");
        var reports = await host.SubmitAsync([.. request.Jobs.Select(j => j.FromMessage())], context.CancellationToken).ConfigureAwait(false);
        return new V1.SubmitEvaluationsResponse { Evaluations = { reports.Select(r => r.ToMessage()) } };
    });

    public override Task<V1.ListEvaluationsResponse> ListEvaluations(V1.ListEvaluationsRequest request, ServerCallContext context) => Refusals.Answer(context, () =>
        Task.FromResult(new V1.ListEvaluationsResponse { Evaluations = { host.Queues(request.Run).SelectMany(q => q.State.InOrder).Select(j => JobReport.Of(j).ToMessage()) } }));

    public override Task WatchEvaluations(V1.WatchEvaluationsRequest request, IServerStreamWriter<V1.WatchEvaluationsResponse> responseStream, ServerCallContext context) => Refusals.Answer(context, async () =>
    {
        var sent = new Dictionary<string, JobState>(StringComparer.Ordinal);
        var wanted = request.Keys.ToHashSet(StringComparer.Ordinal);
        while (true)
        {
            var observed = host.Queues(request.Run).Select(q => q.Observe()).ToList();
            var jobs = observed.SelectMany(o => o.State.InOrder).Where(j => wanted.Count == 0 || wanted.Contains(j.Key)).ToList();
            if (jobs.Count < wanted.Count)
            {
                string unknown = wanted.First(key => jobs.All(j => j.Key != key));
                throw new RpcException(new Status(StatusCode.NotFound, $"There is no job {unknown}{(request.Run.Length > 0 ? $" of run {request.Run}" : "")}."));
            }

            foreach (var job in jobs.Where(j => !ReferenceEquals(sent.GetValueOrDefault(j.Key), j)))
            {
                sent[job.Key] = job;
                await responseStream.WriteAsync(new V1.WatchEvaluationsResponse { Evaluation = JobReport.Of(job).ToMessage() }, context.CancellationToken).ConfigureAwait(false);
            }

            if (wanted.Count > 0 && jobs.All(j => j.IsOver))
            {
                return true;
            }

            await host.ChangedAsync([.. observed.Select(o => o.Changed)], context.CancellationToken).ConfigureAwait(false);
        }
    });

    public override Task<V1.CancelEvaluationsResponse> CancelEvaluations(V1.CancelEvaluationsRequest request, ServerCallContext context) => Refusals.Answer(context, () =>
        Task.FromResult(new V1.CancelEvaluationsResponse { Cancelled = host.Queues(request.Run).Sum(q => request.Keys.Count(key => q.Apply(new JobCancelled(key)).Accepted)) }));

    public override Task<V1.UploadArtifactResponse> UploadArtifact(IAsyncStreamReader<V1.UploadArtifactRequest> requestStream, ServerCallContext context) => Refusals.Answer(context, async () =>
    {
        Require(await requestStream.MoveNext(context.CancellationToken).ConfigureAwait(false) && requestStream.Current.Header is not null, "An upload begins with a header.");
        var header = requestStream.Current.Header;
        var files = host.QueueOf(header.Run).Files;
        Require(EvaluationFiles.IsDigest(header.Sha256), $"'{header.Sha256}' is no SHA-256 in lower-case hexadecimal.");
        if (files.Has(header.Sha256))
        {
            return new V1.UploadArtifactResponse();
        }

        using var file = files.Begin(header.Sha256, header.Bytes);
        while (await requestStream.MoveNext(context.CancellationToken).ConfigureAwait(false))
        {
            Append(file, requestStream.Current.Piece);
        }

        Finish(file);
        return new V1.UploadArtifactResponse { WasNew = true };
    });

    public override Task FetchArtifact(V1.FetchArtifactRequest request, IServerStreamWriter<V1.FetchArtifactResponse> responseStream, ServerCallContext context) => Refusals.Answer(context, async () =>
    {
        var files = host.QueueOf(request.Run).Files;
        if (!files.Has(request.Sha256))
        {
            throw new RpcException(new Status(StatusCode.NotFound, $"Run {request.Run} has no file '{request.Sha256}' for its evaluations."));
        }

        string path = files.PathOf(request.Sha256);
        long bytes = new FileInfo(path).Length;
        await responseStream.WriteAsync(new V1.FetchArtifactResponse { Header = new V1.ArtifactHeader { Run = request.Run, Sha256 = request.Sha256, Bytes = bytes } }, context.CancellationToken).ConfigureAwait(false);
        await FilePieces.SendAsync(
            path,
            request.Offset,
            bytes,
            (offset, data, crc) => responseStream.WriteAsync(new V1.FetchArtifactResponse { Piece = new V1.ArtifactPiece { Offset = offset, Data = data, Crc32C = crc } }, context.CancellationToken),
            context.CancellationToken).ConfigureAwait(false);
        return true;
    });

    public override Task<V1.LeaseResponse> Lease(V1.LeaseRequest request, ServerCallContext context) => Refusals.Answer(context, async () =>
    {
        RequireNames(request.EvaluatorId, request.Name);
        RequireVersion(request);
        Require(request.Metrics.Count > 0 && request.Numerics.Length is > 0 and <= LongestName, $"An evaluator says which metrics it measures ({request.Metrics.Count} were named), and what decides the bits of its results (numerics, 1 to {LongestName} characters).");
        var answer = await host.LeaseAsync(request.EvaluatorId, request.Name, request.Abilities(), TimeSpan.FromSeconds(Math.Clamp(request.WaitSeconds, 0, 3600)), context.CancellationToken).ConfigureAwait(false);
        return new V1.LeaseResponse { Task = answer.Task?.ToMessage(), Reason = answer.Reason, AllOver = answer.AllOver };
    });

    public override Task<V1.RenewResponse> Renew(V1.RenewRequest request, ServerCallContext context) => Refusals.Answer(context, () =>
    {
        RequireNames(request.EvaluatorId, request.Name);
        var decision = host.QueueOf(request.Run).Apply(new TaskRenewed(request.EvaluatorId, request.Name, request.Key, request.Part, request.SeedsDone));
        return Task.FromResult(new V1.RenewResponse { Lost = !decision.Accepted, Reason = decision.Accepted ? "" : decision.Reason });
    });

    public override Task<V1.ReportResponse> Report(IAsyncStreamReader<V1.ReportRequest> requestStream, ServerCallContext context) => Refusals.Answer(context, async () =>
    {
        Require(await requestStream.MoveNext(context.CancellationToken).ConfigureAwait(false) && requestStream.Current.Header is not null, "A report begins with a header.");
        var header = requestStream.Current.Header;
        RequireNames(header.EvaluatorId, header.Name);
        var queue = host.QueueOf(header.Run);
        var decision = header.OutcomeCase switch
        {
            V1.ReportHeader.OutcomeOneofCase.Scores => queue.Apply(new JobMerged(header.EvaluatorId, header.Name, header.Key, [.. header.Scores.Scores.Select(s => s.FromMessage())], [.. header.Scores.Remarks])),
            V1.ReportHeader.OutcomeOneofCase.Failure when header.Failure.GivenBack => queue.Apply(new TaskGivenBack(header.EvaluatorId, header.Key, header.Part)),
            V1.ReportHeader.OutcomeOneofCase.Failure => Failed(queue, header, header.Failure.Reason, header.Failure.Final),
            V1.ReportHeader.OutcomeOneofCase.Statistics => await MeasuredAsync(queue, header, requestStream, context.CancellationToken).ConfigureAwait(false),
            _ => throw new RpcException(new Status(StatusCode.InvalidArgument, "A report brings statistics, scores or a failure.")),
        };
        return decision.IsUnknown
            ? throw new RpcException(new Status(StatusCode.NotFound, decision.Reason))
            : new V1.ReportResponse { Accepted = decision.Accepted, Reason = decision.Reason };
    });

    private static QueueDecision Failed(EvaluationQueue queue, V1.ReportHeader header, string reason, bool isFinal)
    {
        var decision = queue.Apply(new TaskFailed(header.EvaluatorId, header.Name, header.Key, header.Part, reason, isFinal));

        // A last step may have failed for what lies on this disk.
        queue.Recheck(header.Key);
        return decision;
    }

    private static async Task<QueueDecision> MeasuredAsync(EvaluationQueue queue, V1.ReportHeader header, IAsyncStreamReader<V1.ReportRequest> requests, CancellationToken cancellationToken)
    {
        string digest = header.Statistics.Sha256;
        Require(EvaluationFiles.IsDigest(digest) && header.Statistics.Bytes is > 0 and <= MostStatisticsBytes, $"Statistics of {header.Statistics.Bytes} bytes with digest '{digest}'; 1 to {MostStatisticsBytes} bytes and a SHA-256 are needed.");
        var job = queue.State.Jobs.GetValueOrDefault(header.Key) ?? throw new RpcException(new Status(StatusCode.NotFound, $"There is no job {header.Key}."));
        Require(header.Part >= 0 && header.Part < job.Parts.Length, $"Job {job.Key} has parts 0 to {job.Parts.Length - 1}, not {header.Part}.");
        if (!queue.Files.Has(digest))
        {
            using var file = queue.Files.Begin(digest, header.Statistics.Bytes);
            while (await requests.MoveNext(cancellationToken).ConfigureAwait(false))
            {
                Append(file, requests.Current.Piece);
            }

            Finish(file);
        }

        if (job.Job.IsExternal && ExternalSums.Problem(await File.ReadAllBytesAsync(queue.Files.PathOf(digest), cancellationToken).ConfigureAwait(false), job.Job.Parts[header.Part].Count) is { } problem)
        {
            queue.Files.Remove(digest);
            Failed(queue, header, problem, isFinal: false);
            throw new RpcException(new Status(StatusCode.InvalidArgument, problem + "."));
        }

        var decision = queue.Apply(new PartMeasured(header.EvaluatorId, header.Name, header.Key, header.Part, header.Numerics, digest));
        if (!decision.Next.Jobs.Values.Any(j => j.Parts.Any(p => p.Digest == digest)))
        {
            queue.Files.Remove(digest);
        }

        return decision;
    }

    private static void Append(ArrivingFile file, V1.ArtifactPiece? piece)
    {
        Require(piece is not null, "Pieces follow the header.");
        if (Crc32C.Compute(piece.Data.Span) != piece.Crc32C)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, $"{piece.Data.Length} bytes at {piece.Offset} arrived damaged. Send them again."));
        }

        Arrived(() => file.Append(piece.Offset, piece.Data.Span));
    }

    private static void Finish(ArrivingFile file) => Arrived(file.Finish);

    private static void Arrived(Action action)
    {
        try
        {
            action();
        }
        catch (IOException e) when (e is not SaveFailedException)
        {
            throw new RpcException(new Status(StatusCode.DataLoss, e.Message));
        }
    }

    private static void RequireNames(string id, string name) =>
        Require(id.Length is > 0 and <= LongestName && name.Length <= LongestName, $"evaluator_id has {id.Length} characters and name {name.Length}; 1 to {LongestName}, and at most {LongestName}.");

    private static void RequireVersion(V1.LeaseRequest request)
    {
        if (request.Protocol != EvaluationProtocol.Version)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition,
                $"This evaluator speaks protocol {request.Protocol} (build '{request.Build}'), the server protocol {EvaluationProtocol.Version} (build '{EvaluationProtocol.Build}'). Use the same version of the program on both."));
        }

        if (request.Build != EvaluationProtocol.Build && request.Metrics.FirstOrDefault(m => !MetricNames.IsExternal(m)) is { } metric)
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition,
                $"This evaluator is of build '{request.Build}', the server of '{EvaluationProtocol.Build}', and '{metric}' of another build may have other bits. Use the same version of the program on both; other programs measure {MetricNames.ExternalPrefix}NAME."));
        }
    }

    private static void Require([DoesNotReturnIf(false)] bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, otherwise));
        }
    }
}
