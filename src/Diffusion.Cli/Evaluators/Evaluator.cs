using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;
using Grpc.Core;
using TorchSharp;

namespace Diffusion.Cli.Evaluators;

/// <summary>How an evaluator works.</summary>
internal sealed record EvaluatorOptions
{
    public required string Coordinator { get; init; }

    public required string Name { get; init; }

    public required string CacheDirectory { get; init; }

    public long CacheBytes { get; init; } = 10_000_000_000;

    /// <summary>Leave when everything that was submitted is over.</summary>
    public bool Once { get; init; }

    /// <summary>How long a server may stay away.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Niceness of the threads that compute; 0 for none.</summary>
    public int Niceness { get; init; }
}

/// <summary>One device of an evaluator: leases a task, fetches what it needs, computes, reports, and again. Whatever happens to it, its tasks go to others.</summary>
internal sealed class Evaluator(EvaluatorOptions options, TrustedFiles trusted, string numerics, torch.Device device, int number, Action<string> told)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly EvaluatorIdentity identity = new(
        string.Create(CultureInfo.InvariantCulture, $"{options.Name[..Math.Min(64, options.Name.Length)]}-{Guid.NewGuid():N}-{number}"), options.Name, numerics, MetricNames.All, trusted.Digests);

    /// <summary>Works until it is asked to stop, or everything is over.</summary>
    /// <exception cref="VerbFailedException">The server is of another version, or stayed away.</exception>
    public async Task RunAsync(CancellationToken stopping)
    {
        string scratch = Directory.CreateTempSubdirectory("diffusion-evaluate-").FullName;
        using var snapshots = new SnapshotClient(options.Coordinator);
        using var evaluations = new EvaluationClient(options.Coordinator);
        using var work = new TaskWork(new FetchedFiles(snapshots, evaluations, options.CacheDirectory, options.CacheBytes, TimeProvider.System), trusted, scratch, device);
        try
        {
            string waiting = "";
            while (!stopping.IsCancellationRequested)
            {
                var answer = await ReachedAsync(() => evaluations.LeaseAsync(identity, options.Once ? TimeSpan.FromSeconds(1) : null, stopping), stopping);
                if (answer.Task is { } task)
                {
                    waiting = "";
                    await DoAsync(evaluations, work, task, stopping);
                }
                else if (options.Once && answer.AllOver)
                {
                    return;
                }
                else if (answer.Reason != waiting)
                {
                    told($"waiting: {waiting = answer.Reason}");
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private async Task DoAsync(EvaluationClient evaluations, TaskWork work, EvaluationTask task, CancellationToken stopping)
    {
        long start = TimeProvider.System.GetTimestamp();
        told($"{Text(task)} begins");
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        using var over = new CancellationTokenSource();
        var done = new Count();
        var renewing = RenewAsync(evaluations, task, done, lost, over.Token);
        TaskResult? result = null;
        string? failure = null;
        bool isFinal = false;
        try
        {
            await work.PrepareAsync(task.Job, task.Key, lost.Token);
            var statistics = await work.StatisticsAsync(task, lost.Token);
            result = await ComputeAsync(() => work.Compute(task, statistics, done, lost.Token));
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
        }
        catch (ConfigurationException e)
        {
            (failure, isFinal) = (string.Join(' ', e.Problems), true);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or ArgumentException or RpcException or System.Runtime.InteropServices.ExternalException or OutOfMemoryException)
        {
            failure = e is RpcException { Status: var status } ? status.Detail : e.Message;
        }
        finally
        {
            await over.CancelAsync();
        }

        string? gone = await renewing;
        if (stopping.IsCancellationRequested && result is null)
        {
            await GiveBackAsync(evaluations, task);
        }
        else if (gone is not null && result is null)
        {
            told($"{Text(task)} is not needed any more: {gone}");
        }
        else
        {
            await ReportAsync(evaluations, task, result, failure, isFinal, stopping);
            told($"{Text(task)} {(failure is null ? string.Create(CultureInfo.InvariantCulture, $"done in {TimeProvider.System.GetElapsedTime(start).TotalSeconds:0.0} s") : $"failed: {failure}")}");
        }
    }

    private async Task ReportAsync(EvaluationClient evaluations, EvaluationTask task, TaskResult? result, string? failure, bool isFinal, CancellationToken stopping)
    {
        // What was computed is brought home also when somebody wants to leave, as long as the server is there.
        using var hurry = new CancellationTokenSource();
        using var asked = stopping.Register(() => hurry.CancelAfter(TimeSpan.FromSeconds(5)));
        await ReachedAsync(
            async () =>
            {
                if (result is null)
                {
                    await evaluations.ReportFailureAsync(identity, task, failure!, isFinal, hurry.Token);
                }
                else if ((result.StatisticsPath is { } path ? await evaluations.ReportAsync(identity, task, path, hurry.Token) : await evaluations.ReportAsync(identity, task, result.Scores, result.Remarks, hurry.Token)) is { } refused)
                {
                    told($"{Text(task)}: {refused}");
                }

                return true;
            },
            hurry.Token);
        if (result?.StatisticsPath is { } file)
        {
            File.Delete(file);
        }
    }

    private async Task GiveBackAsync(EvaluationClient evaluations, EvaluationTask task)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await evaluations.GiveBackAsync(identity, task, patience.Token);
            told($"{Text(task)} given back");
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException)
        {
            told($"{Text(task)} is left; the server did not answer and takes it back by itself");
        }
    }

    /// <returns>Why the task is lost; null when it is not.</returns>
    private async Task<string?> RenewAsync(EvaluationClient evaluations, EvaluationTask task, Count done, CancellationTokenSource lost, CancellationToken over)
    {
        using var timer = new PeriodicTimer(task.Lease / 4);
        try
        {
            while (await timer.WaitForNextTickAsync(over))
            {
                try
                {
                    if (await evaluations.RenewAsync(identity, task, done.Value, over) is { } reason)
                    {
                        await lost.CancelAsync();
                        return reason;
                    }
                }
                catch (RpcException) when (!over.IsCancellationRequested)
                {
                    // The server is away: what is computed now is welcome when it is back.
                }
            }
        }
        catch (Exception) when (over.IsCancellationRequested)
        {
        }

        return null;
    }

    /// <summary>On a thread of its own: tensors, threads of libtorch and niceness are the thread's.</summary>
    private Task<TaskResult> ComputeAsync(Func<TaskResult> compute) => Task.Factory.StartNew(
        () =>
        {
            ThreadNiceness.Set(options.Niceness);
            return compute();
        },
        CancellationToken.None,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    private async Task<T> ReachedAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        var wait = FirstWait;
        long? away = null;
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (RpcException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.FailedPrecondition)
            {
                throw new VerbFailedException(e.Status.Detail, ExitCode.Refused);
            }
            catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Internal or StatusCode.Unknown or StatusCode.ResourceExhausted)
            {
                if (away is null)
                {
                    told($"{options.Coordinator} does not answer ({e.Status.Detail}); trying again");
                    away = TimeProvider.System.GetTimestamp();
                }

                if (TimeProvider.System.GetElapsedTime(away.Value) > options.Patience)
                {
                    throw new VerbFailedException($"Nobody answered at {options.Coordinator} for {options.Patience.TotalSeconds:0} s. Is the coordinator or 'serve' running, and does it listen on an address that is reached from here (--bind)?");
                }

                await Task.Delay(wait, cancellationToken);
                wait = wait * 2 < LongestWait ? wait * 2 : LongestWait;
            }
        }
    }

    private static string Text(EvaluationTask task) => string.Create(CultureInfo.InvariantCulture,
        $"{string.Join(',', task.Job.Metrics.Select(m => m.Name))} of length {task.Job.RelativeStd:0.###} at {task.Job.ImagesSeen} images, {(task.IsMerge ? "last step" : $"part {task.Part + 1} of {task.Job.Parts.Count} (seeds {task.Seeds.First} to {task.Seeds.Last})")}");

    private sealed class Count : IProgress<int>
    {
        private volatile int value;

        public int Value => value;

        public void Report(int value) => this.value = value;
    }
}
