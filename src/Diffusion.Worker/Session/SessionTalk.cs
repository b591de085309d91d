using Diffusion.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Session;

/// <summary>What is said over one stream: heartbeats and events out, commands in.</summary>
internal sealed class SessionTalk(SessionStream stream, WorkerGenerations generations, TrainingReporter reporter, Outbox outbox, WorkerTimeouts timeouts, TimeProvider time, ILogger logger)
{
    /// <summary>Talks until the stream ends.</summary>
    /// <param name="heartbeat">Interval of the signs of life.</param>
    /// <param name="leaving">Completes when this worker wants to leave.</param>
    /// <param name="end">Ends the talk at once.</param>
    /// <returns>The dismissal, or null when the stream ended without one.</returns>
    public async Task<Dismiss?> RunAsync(TimeSpan heartbeat, Task leaving, CancellationToken end)
    {
        using var talking = CancellationTokenSource.CreateLinkedTokenSource(end);
        generations.SayReady();
        Task[] senders = [BeatAsync(heartbeat, talking.Token), SendEventsAsync(talking.Token), SayLeavingAsync(leaving, talking.Token)];
        try
        {
            while (await stream.NextAsync(talking.Token).ConfigureAwait(false) is { } command)
            {
                if (Obey(command) is { } dismissed)
                {
                    await talking.CancelAsync().ConfigureAwait(false);
                    await Task.WhenAll(senders).ConfigureAwait(false);
                    await generations.EndAsync(dismissed.Reason).ConfigureAwait(false);
                    await FlushAsync().ConfigureAwait(false);
                    return dismissed;
                }
            }

            return null;
        }
        finally
        {
            await talking.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(senders).ConfigureAwait(false);
        }
    }

    /// <summary>A failure of a call, for people.</summary>
    public static string Summary(Exception e) => e is RpcException rpc ? $"{rpc.StatusCode}: {rpc.Status.Detail}" : e.Message;

    private Dismiss? Obey(SessionResponse command)
    {
        switch (command.CommandCase)
        {
            case SessionResponse.CommandOneofCase.Start:
                generations.Begin(command.Start);
                return null;
            case SessionResponse.CommandOneofCase.Abort:
                generations.Abort(command.Abort);
                return null;
            case SessionResponse.CommandOneofCase.Pause:
                generations.Pause(command.Pause);
                return null;
            case SessionResponse.CommandOneofCase.Dismiss:
                logger.LogInformation("Dismissed: {Reason}", command.Dismiss.Reason);
                return command.Dismiss;
            default:
                logger.LogWarning("A command of a newer coordinator is not understood; it is ignored");
                return null;
        }
    }

    private async Task BeatAsync(TimeSpan heartbeat, CancellationToken ended)
    {
        try
        {
            using var timer = new PeriodicTimer(heartbeat, time);
            long told = time.GetTimestamp();
            do
            {
                if (time.GetElapsedTime(told) >= timeouts.Progress && reporter.TakeProgress() is { } progress)
                {
                    told = time.GetTimestamp();
                    await stream.SendAsync(progress, ended).ConfigureAwait(false);
                }

                await stream.SendAsync(new SessionRequest { Generation = generations.InProgress, Heartbeat = reporter.Heartbeat() }, ended).ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(ended).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            Quietly(e, ended);
        }
    }

    private async Task SendEventsAsync(CancellationToken ended)
    {
        try
        {
            while (await outbox.Reader.WaitToReadAsync(ended).ConfigureAwait(false))
            {
                while (outbox.Reader.TryPeek(out var happened))
                {
                    await stream.SendAsync(happened, ended).ConfigureAwait(false);
                    outbox.Reader.TryRead(out _);
                }
            }
        }
        catch (Exception e)
        {
            Quietly(e, ended);
        }
    }

    private async Task SayLeavingAsync(Task leaving, CancellationToken ended)
    {
        try
        {
            await leaving.WaitAsync(ended).ConfigureAwait(false);
            outbox.Post(new SessionRequest { Generation = generations.Last, Leaving = new WorkerLeaving { Reason = "it was asked to end." } });
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
        }
    }

    /// <summary>A sender's failure is the stream's, and the reader hears of that by itself.</summary>
    private void Quietly(Exception e, CancellationToken ended)
    {
        if (!ended.IsCancellationRequested)
        {
            logger.LogDebug("Sending to the coordinator failed: {Reason}", Summary(e));
        }
    }

    /// <summary>What was not said yet, before the stream ends in order.</summary>
    private async Task FlushAsync()
    {
        using var patience = new CancellationTokenSource(timeouts.Call);
        try
        {
            while (outbox.Reader.TryPeek(out var happened))
            {
                await stream.SendAsync(happened, patience.Token).ConfigureAwait(false);
                outbox.Reader.TryRead(out _);
            }

            await stream.CompleteAsync(timeouts.Call).ConfigureAwait(false);
            while (await stream.NextAsync(patience.Token).ConfigureAwait(false) is not null)
            {
            }
        }
        catch (Exception e)
        {
            logger.LogDebug("The coordinator closed the session first: {Reason}", Summary(e));
        }
    }
}
