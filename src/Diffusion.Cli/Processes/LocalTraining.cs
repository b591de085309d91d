using System.Globalization;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Cli.Processes;

/// <summary>A coordinator and its workers on this machine, from their start to the end of the run. Nothing it started outlives it.</summary>
internal sealed class LocalTraining(RunConfig config, RunDirectory run, LocalRun local, string packedData, Interruption interruption, TimeProvider time)
{
    private const int MostRestarts = 3;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);

    private readonly List<Seat> workers = [];
    private Seat? coordinator;
    private string address = "";
    private RunStatus last = new();

    /// <summary>Gets whether the run has seen all its images.</summary>
    public bool IsFinished => last.Phase == RunPhase.Finished;

    /// <summary>Trains until the run is over, its slice is done, or the user stops it.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync()
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(interruption.Hurried);
        try
        {
            await using var display = RunDisplay.Create(time);
            await StartCoordinatorAsync();
            for (int i = 1; i <= local.Devices.Count; i++)
            {
                workers.Add(new Seat($"worker-{i}", StartWorker($"worker-{i}", local.Devices[i - 1])) { Devices = local.Devices[i - 1] });
            }

            // The run's end ends the keepers; a keeper that gives up ends the run.
            var keepers = workers.Append(coordinator!).Select(seat => KeepAliveAsync(seat, display, over)).ToArray();
            await Task.WhenAll(WatchAsync(display, over), StopWhenAskedAsync(display, over.Token));
            await over.CancelAsync();
            await Task.WhenAll(keepers);
            await EndChildrenAsync(display);
        }
        finally
        {
            foreach (var seat in workers.Append(coordinator).OfType<Seat>())
            {
                seat.Process.Dispose();
            }
        }

        return Outcome();
    }

    private async Task StartCoordinatorAsync()
    {
        string[] arguments = ["coordinator", "--run-dir", run.Path, "--config", "-", "--supervised", "--workers", Text(local.Devices.Count), "--timeout-scale", Text(local.TimeoutScale), "--slice", Text(local.SliceImages)];
        string? port = coordinator is not null ? address[(address.LastIndexOf(':') + 1)..] : local.Port is { } asked ? Text(asked) : null;
        var process = ChildProcess.Start("coordinator", port is null ? arguments : [.. arguments, "--port", port], StrictLine(config));
        (coordinator ??= new Seat("coordinator", process)).Process = process;
        string line = await process.FirstLineAsync(StartLimit, interruption.Hurried);
        address = line.StartsWith(CoordinatorAnnouncement.Prefix, StringComparison.Ordinal)
            ? line[CoordinatorAnnouncement.Prefix.Length..]
            : throw new VerbFailedException($"The coordinator said '{line}' instead of its address.");
    }

    private ChildProcess StartWorker(string name, DeviceList devices) => ChildProcess.Start(
        name,
        ["worker", "--coordinator", address, "--devices", devices.ToString(), "--data", packedData, "--name", name, "--log-dir", run.Path, "--supervised", "--timeout-scale", Text(local.TimeoutScale)],
        input: null);

    /// <summary>Starts a process anew that ended before the run did; a bounded number of times, because some ends repeat.</summary>
    private async Task KeepAliveAsync(Seat seat, RunDisplay display, CancellationTokenSource over)
    {
        try
        {
            while (true)
            {
                await seat.Process.WaitForExitAsync(over.Token);
                if (seat == coordinator && CoordinatorAnnouncement.End(seat.Process.LastLine) is { } end)
                {
                    // It may have gone before the watching stream told the same.
                    last = RunText.IsOver(last.Phase) ? last : end;
                    await over.CancelAsync();
                    return;
                }

                if (RunText.IsOver(last.Phase) || interruption.Asked.IsCancellationRequested)
                {
                    return;
                }

                string why = $"{seat.Name} ended with exit code {seat.Process.ExitCode}{(seat.Process.LastErrors.Length > 0 ? ": " + seat.Process.LastErrors.Split('\n')[^1] : "")}";
                if (seat.Process.ExitCode == ExitCode.Refused || ++seat.Restarts > MostRestarts)
                {
                    seat.GivenUp = why;
                    display.Note($"{why}. It is not started again; see {run.Shown}/logs/{seat.Name}.log.");
                    if (seat == coordinator || workers.TrueForAll(w => w.GivenUp is not null))
                    {
                        await over.CancelAsync();
                    }

                    return;
                }

                display.Note($"{why}; started again ({seat.Restarts} of {MostRestarts}).");
                await Task.Delay(TimeSpan.FromSeconds(1 << (seat.Restarts - 1)), time, over.Token);
                seat.Process.Dispose();
                if (seat == coordinator)
                {
                    await StartCoordinatorAsync();
                }
                else
                {
                    seat.Process = StartWorker(seat.Name, seat.Devices!);
                }
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            // The run is over.
        }
        catch (VerbFailedException e)
        {
            seat.GivenUp = e.Message;
            await over.CancelAsync();
        }
    }

    private async Task WatchAsync(RunDisplay display, CancellationTokenSource over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                using var channel = GrpcChannel.ForAddress($"http://{address}");
                using var call = new RunService.RunServiceClient(channel).WatchRun(new WatchRunRequest(), cancellationToken: over.Token);
                while (await call.ResponseStream.MoveNext(over.Token))
                {
                    last = call.ResponseStream.Current.Status;
                    display.Update(last);
                    if (RunText.IsOver(last.Phase))
                    {
                        await over.CancelAsync();
                        return;
                    }
                }
            }
            catch (Exception e) when (over.IsCancellationRequested && e is RpcException or OperationCanceledException)
            {
                return;
            }
            catch (RpcException)
            {
                // The coordinator is away; its keeper brings it back or ends the run.
            }

            await Pause(TimeSpan.FromMilliseconds(500), over.Token);
        }
    }

    private async Task StopWhenAskedAsync(RunDisplay display, CancellationToken over)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over, interruption.Asked);
        await Pause(Timeout.InfiniteTimeSpan, either.Token);
        if (over.IsCancellationRequested)
        {
            return;
        }

        display.Note("Stopping: the step in flight is finished and saved. Ctrl-C again ends at once, without saving.");
        try
        {
            using var channel = GrpcChannel.ForAddress($"http://{address}");
            await new RunService.RunServiceClient(channel).StopRunAsync(new StopRunRequest { Reason = "stopped by the user" }, deadline: time.GetUtcNow().UtcDateTime.AddSeconds(10), cancellationToken: over);
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            if (!over.IsCancellationRequested)
            {
                display.Note("The coordinator does not answer; ending its processes.");
            }
        }
    }

    private async Task EndChildrenAsync(RunDisplay display)
    {
        foreach (var seat in workers.Append(coordinator!))
        {
            if (!await seat.Process.EndAsync(EndLimit, interruption.Hurried))
            {
                display.Note($"{seat.Name} did not end by itself and was killed.");
            }
        }
    }

    private int Outcome()
    {
        switch (last.Phase)
        {
            case RunPhase.Finished:
                return ExitCode.Done;
            case RunPhase.Failed:
                throw new VerbFailedException($"The run failed: {last.Reason}");
            case RunPhase.Stopped when local.SliceImages > 0 && !interruption.Asked.IsCancellationRequested:
                return ExitCode.Done;
            case RunPhase.Stopped when !interruption.Asked.IsCancellationRequested:
                throw new VerbFailedException($"The run was stopped: {last.Reason}");
        }

        if (interruption.Asked.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }

        string why = workers.Append(coordinator!).FirstOrDefault(s => s.GivenUp is not null)?.GivenUp ?? "the coordinator went away";
        throw new VerbFailedException($"The run broke off: {why.TrimEnd('.')}. Logs are in {run.Shown}/logs.");
    }

    private async Task Pause(TimeSpan length, CancellationToken cancellationToken) =>
        await Task.Delay(length, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static string StrictLine(RunConfig config) => StrictJson.Write(config).ReplaceLineEndings(" ");

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>A place that a process holds; the process may be replaced.</summary>
    private sealed class Seat(string name, ChildProcess process)
    {
        public string Name { get; } = name;

        public ChildProcess Process { get; set; } = process;

        /// <summary>What a worker drives; null for the coordinator.</summary>
        public DeviceList? Devices { get; init; }

        public int Restarts { get; set; }

        public string? GivenUp { get; set; }
    }
}
