using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>How long a worker takes for its own shards, by the last reports of one generation.</summary>
internal sealed record WorkerPace
{
    /// <summary>Steps that have to be seen before anything is concluded.</summary>
    public const int StepsNeeded = 20;

    private readonly record struct Report(int Steps, double Seconds, double OwnSeconds);

    private ImmutableQueue<Report> Reports { get; init; } = [];

    private int Steps { get; init; }

    private double Seconds { get; init; }

    /// <summary>Takes in a report and forgets those that are not needed any more.</summary>
    /// <param name="steps">Steps of the report.</param>
    /// <param name="seconds">Their duration.</param>
    /// <param name="ownSeconds">Of it, for the worker's own shards; the mean of its ranks.</param>
    /// <param name="timeNeeded">Least time that has to be covered, so that one hiccup in many short steps decides nothing.</param>
    public WorkerPace Add(int steps, double seconds, double ownSeconds, TimeSpan timeNeeded)
    {
        var next = this with { Reports = Reports.Enqueue(new Report(steps, seconds, ownSeconds)), Steps = Steps + steps, Seconds = Seconds + seconds };
        while (next.Reports.Peek() is var oldest && next.Steps - oldest.Steps >= StepsNeeded && next.Seconds - oldest.Seconds >= timeNeeded.TotalSeconds)
        {
            next = next with { Reports = next.Reports.Dequeue(), Steps = next.Steps - oldest.Steps, Seconds = next.Seconds - oldest.Seconds };
        }

        return next;
    }

    public bool IsKnown(TimeSpan timeNeeded) => Steps >= StepsNeeded && Seconds >= timeNeeded.TotalSeconds;

    /// <summary>Seconds a step for its own shards: the median of the reports.</summary>
    public double StepSeconds => Reports.Select(report => report.OwnSeconds / report.Steps).Order().ElementAt(Reports.Count() / 2);
}
