using Diffusion.Coordinator.Run;
using Diffusion.V1;
using Grpc.Core;

namespace Diffusion.Coordinator.Services;

/// <summary>The run as people and programs watch it.</summary>
internal sealed class RunEndpoint(RunActor actor, RunIdentity identity, TimeProvider time) : RunService.RunServiceBase
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    public override Task<GetRunResponse> GetRun(GetRunRequest request, ServerCallContext context) =>
        Task.FromResult(new GetRunResponse { Status = Status(actor.State), ConfigJson = identity.ConfigJson, TimeoutScale = actor.State.Settings.Timeouts.Scale });

    public override async Task WatchRun(WatchRunRequest request, IServerStreamWriter<WatchRunResponse> responseStream, ServerCallContext context)
    {
        var cancelled = context.CancellationToken;
        try
        {
            while (true)
            {
                var (state, changed) = actor.Observe();
                await responseStream.WriteAsync(new WatchRunResponse { Status = Status(state) }, cancelled).ConfigureAwait(false);
                if (state.IsOver)
                {
                    return;
                }

                await changed.WaitAsync(cancelled).ConfigureAwait(false);
                await Task.WhenAny(Task.Delay(Interval, time, cancelled), OverAsync(cancelled)).ConfigureAwait(false);
            }
        }
        catch (Exception) when (cancelled.IsCancellationRequested)
        {
            // Whoever watched went away.
        }
    }

    public override async Task<StopRunResponse> StopRun(StopRunRequest request, ServerCallContext context)
    {
        string reason = request.Reason.Length > 0 ? request.Reason : "somebody asked it to.";
        await actor.PostAsync(new StopRequested(reason), context.CancellationToken).ConfigureAwait(false);
        return new StopRunResponse();
    }

    /// <summary>The end is told at once, not after the interval: the server closes soon after it.</summary>
    private async Task OverAsync(CancellationToken cancelled)
    {
        while (actor.Observe() is { State.IsOver: false } observed)
        {
            await observed.Changed.WaitAsync(cancelled).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancelled.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private RunStatus Status(RunState state) => StatusMessages.ToStatus(state, actor.Now);
}
