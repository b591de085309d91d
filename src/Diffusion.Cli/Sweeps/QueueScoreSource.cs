using Diffusion.Evaluation.Sweeps;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;
using Grpc.Core;

namespace Diffusion.Cli.Sweeps;

/// <summary>Has points measured by evaluators, through the queue of a coordinator or of <c>serve</c>.</summary>
/// <param name="run">The run; its catalogue gets what the queue's own does not share with it.</param>
/// <param name="measure">What is measured.</param>
/// <param name="address">Where the queue is.</param>
/// <param name="progress">Told the share of what is submitted that is done.</param>
internal sealed class QueueScoreSource(RunDirectory run, SweepMeasure measure, string address, IProgress<double> progress) : IScoreSource
{
    private static readonly TimeSpan CancelTime = TimeSpan.FromSeconds(5);

    private readonly EvaluationClient client = new(address);
    private EvaluationJob? template;

    public async Task MeasureAsync(IReadOnlyList<SweepPoint> points, Action<SweepPoint, Score> measured, CancellationToken cancellationToken)
    {
        try
        {
            template ??= await measure.JobAsync(client, cancellationToken);
            var reports = await client.SubmitAsync(points.Select(Job), cancellationToken);
            var open = reports.Zip(points).ToDictionary(r => r.First.Key, r => r.Second, StringComparer.Ordinal);
            string served = reports[0].Job.Run;
            try
            {
                await foreach (var report in client.WatchAsync(served, [.. open.Keys], cancellationToken))
                {
                    Tell(report, open, measured);
                }
            }
            finally
            {
                if (open.Count > 0)
                {
                    await GiveUpAsync(served, open.Keys);
                }
            }
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
        {
            throw new VerbFailedException($"Nobody answers at {address}. Is the coordinator or 'serve' running, and does it listen on an address that is reached from here (--bind)? What was measured is kept; the same command goes on.");
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.InvalidArgument or StatusCode.FailedPrecondition)
        {
            throw new VerbFailedException(e.Status.Detail, ExitCode.Refused);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled && cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Status.Detail, e, cancellationToken);
        }
    }

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    private EvaluationJob Job(SweepPoint point)
    {
        var expected = measure.Expected(point);
        return template! with { ImagesSeen = point.ImagesSeen, RelativeStd = point.RelativeStd, Settings = expected.Settings, FirstSeed = expected.FirstSeed };
    }

    private void Tell(JobReport report, Dictionary<string, SweepPoint> open, Action<SweepPoint, Score> measured)
    {
        if (!open.TryGetValue(report.Key, out var point))
        {
            return;
        }

        if (!report.IsOver)
        {
            progress.Report(Math.Min(1, (double)(report.SeedsDone + report.SeedsInWork) / report.Job.Count));
            return;
        }

        open.Remove(report.Key);
        var score = report.Phase == JobPhase.Done && report.Scores.Count > 0
            ? report.Scores[0]
            : throw new VerbFailedException(FormattableString.Invariant($"EMA length {point.RelativeStd} at {point.ImagesSeen} images was not measured: {(report.Reason.Length > 0 ? report.Reason : "it was cancelled")} The same command goes on with the others."));

        // The queue writes into the catalogue of the run that it serves, which may lie on another box.
        if (!ScoreCatalogue.Read(run.Path).Any(s => s.Identity == score.Identity))
        {
            ScoreCatalogue.Append(run.Path, [score]);
        }

        measured(point, score);
    }

    // What evaluators have done of these jobs stays with the queue.
    private async Task GiveUpAsync(string served, IEnumerable<string> keys)
    {
        using var patience = new CancellationTokenSource(CancelTime);
        try
        {
            await client.CancelAsync(served, keys, patience.Token);
        }
        catch (RpcException e)
        {
            Serilog.Log.Logger.Warning("Jobs were not given up: {Reason}", e.Status.Detail);
        }
    }
}
