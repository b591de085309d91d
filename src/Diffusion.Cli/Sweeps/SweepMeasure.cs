using Diffusion.Evaluation.Sweeps;
using Diffusion.Serving;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Cli.Sweeps;

/// <summary>One metric under fixed conditions.</summary>
internal abstract class SweepMeasure : IDisposable
{
    /// <summary>What a point's score will be but for its value: by it the catalogue is searched before anything is computed.</summary>
    public abstract Score Expected(SweepPoint point);

    /// <summary>Measures weights.</summary>
    /// <param name="point">What is measured.</param>
    /// <param name="path">Its weights.</param>
    /// <param name="progress">Told the share that is done.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public abstract Score Measure(SweepPoint point, string path, IProgress<double> progress, CancellationToken cancellationToken);

    /// <summary>A job for evaluators that measures this way, but for its point; files that it needs are uploaded.</summary>
    /// <param name="client">The queue.</param>
    /// <param name="cancellationToken">Ends the uploads.</param>
    public abstract Task<EvaluationJob> JobAsync(EvaluationClient client, CancellationToken cancellationToken);

    /// <summary>Frees networks.</summary>
    public abstract void Dispose();
}
