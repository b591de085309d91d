using System.Collections.Immutable;
using Diffusion.Coordinator.Run;
using Diffusion.V1;
using Wire = Diffusion.V1;

namespace Diffusion.Coordinator.Services;

/// <summary>Between generated messages and the domain's records; nothing generated goes further than this folder.</summary>
internal static class WireMessages
{
    /// <summary>The domain event of a message; null for one without content that only says its sender lives.</summary>
    public static RunEvent? ToEvent(SessionRequest request, string workerId) => request.EventCase switch
    {
        SessionRequest.EventOneofCase.Ready => new ReadySaid(workerId, request.Generation, request.Ready.CompletedStep, request.Ready.StateDigest, request.Ready.Reason, request.Ready.Finished),
        SessionRequest.EventOneofCase.Heartbeat => new HeartbeatCame(workerId, request.Generation, Activity(request.Heartbeat)),
        SessionRequest.EventOneofCase.Progress => ToProgress(request, workerId),
        SessionRequest.EventOneofCase.CollectiveFailed => new CollectiveBroke(
            workerId, request.Generation, request.CollectiveFailed.Reason, request.CollectiveFailed.PeerRank, request.CollectiveFailed.Step, request.CollectiveFailed.Detail, request.CollectiveFailed.TimedOut),
        SessionRequest.EventOneofCase.SnapshotSaved => new SnapshotStored(
            workerId, request.SnapshotSaved.ImagesSeen, request.SnapshotSaved.RelativeStd, request.SnapshotSaved.FileName, request.SnapshotSaved.Bytes, request.SnapshotSaved.Sha256),
        SessionRequest.EventOneofCase.CheckpointSaved => new CheckpointStored(
            workerId, request.CheckpointSaved.ImagesSeen, request.CheckpointSaved.Name, request.CheckpointSaved.Bytes, request.CheckpointSaved.Seconds),
        SessionRequest.EventOneofCase.SaveFailed => new SaveBroke(workerId, request.SaveFailed.ImagesSeen, request.SaveFailed.What, request.SaveFailed.Reason),
        SessionRequest.EventOneofCase.Leaving => new LeaveAsked(workerId, request.Leaving.Reason),
        SessionRequest.EventOneofCase.Status => new MetricsReported(workerId, request.Status.ImagesSeen, OneLine(request.Status.Json)),
        SessionRequest.EventOneofCase.Failed => new WorkerBroke(workerId, request.Failed.Reason),
        _ => null,
    };

    public static SessionResponse ToMessage(SessionCommand command) => command switch
    {
        SendStart start => new SessionResponse { Start = ToMessage(start.Plan) },
        SendAbort abort => new SessionResponse { Abort = new AbortGeneration { Generation = abort.Generation, Reason = abort.Reason } },
        SendPause pause => new SessionResponse { Pause = new PauseGeneration { Generation = pause.Generation, Reason = pause.Reason, Save = pause.Save } },
        SendDismiss dismiss => new SessionResponse { Dismiss = new Dismiss { Reason = dismiss.Reason, Kind = ToMessage(dismiss.Kind) } },
        _ => throw new ArgumentException($"There is no message for {command.GetType().Name}.", nameof(command)),
    };

    public static JoinAsked ToEvent(JoinRequest request, string dataAddress, bool seesRunDirectory) => new(
        request.WorkerId,
        request.Name,
        request.Fingerprint.ToImmutableSortedDictionary(StringComparer.Ordinal),
        request.Ranks,
        dataAddress,
        seesRunDirectory,
        request.ProcessId,
        request.Share);

    private static ProgressMade ToProgress(SessionRequest request, string workerId)
    {
        var progress = request.Progress;
        return new ProgressMade(
            workerId, request.Generation, progress.CompletedStep, progress.ImagesSeen, progress.Steps, progress.Seconds, progress.ComputeSeconds, progress.DataWaitSeconds, progress.GradientWaitSeconds,
            progress.Loss, progress.LearningRate, progress.OwnImages);
    }

    private static WorkerActivity Activity(WorkerHeartbeat heartbeat) => new(
        heartbeat.Phase switch
        {
            WorkerPhase.Preparing => "preparing",
            WorkerPhase.Waiting => "waiting",
            WorkerPhase.Connecting => "connecting",
            WorkerPhase.Synchronising => "synchronising",
            WorkerPhase.Data => "data",
            WorkerPhase.Compute => "compute",
            WorkerPhase.Reduce => "reduce",
            WorkerPhase.Update => "update",
            WorkerPhase.Saving => "saving",
            WorkerPhase.Restoring => "restoring",
            _ => "unknown",
        },
        (int)heartbeat.Phase,
        heartbeat.Step,
        heartbeat.Rank,
        heartbeat.IsExchanging,
        heartbeat.Exchanges,
        OneLine(heartbeat.Exchange),
        heartbeat.IdleSeconds);

    private static StartGeneration ToMessage(GenerationPlan plan)
    {
        var message = new StartGeneration { Generation = plan.Number, WriterWorkerId = plan.WriterId, Reason = plan.Reason };
        foreach (var member in plan.Members)
        {
            var wire = new Member { WorkerId = member.WorkerId, Name = member.Name, DataAddress = member.DataAddress };
            wire.Ranks.AddRange(member.Ranks.Select(rank => new Wire.RankShards { Rank = rank.Rank, FirstShard = rank.First, EndShard = rank.End }));
            message.Members.Add(wire);
        }

        return message;
    }

    private static DismissKind ToMessage(DismissalKind kind) => kind switch
    {
        DismissalKind.Finished => DismissKind.Finished,
        DismissalKind.Stopped => DismissKind.Stopped,
        DismissalKind.Removed => DismissKind.Removed,
        _ => DismissKind.Failed,
    };

    /// <summary>metrics.jsonl has one object a line.</summary>
    private static string OneLine(string json) => json.ReplaceLineEndings(" ").Trim();
}
