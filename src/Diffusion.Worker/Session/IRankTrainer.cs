using Diffusion.Worker.Training;

namespace Diffusion.Worker.Session;

/// <summary>What the session needs of a rank. All but <see cref="RequestPause"/> and <see cref="Abort"/> is called on the rank's own thread.</summary>
internal interface IRankTrainer : IDisposable
{
    /// <summary>Steps whose update this rank holds; -1 without state.</summary>
    long CompletedStep { get; }

    /// <summary>Digest of the arenas' layout; part of the fingerprint.</summary>
    string LayoutDigest { get; }

    /// <summary>Digest of the state; empty without one.</summary>
    string StateDigest();

    /// <summary>Blocks for a whole generation.</summary>
    GenerationResult Run(GenerationRequest request, CancellationToken cancellationToken);

    /// <summary>Saves the state outside of a generation; says what is saved where, or why nothing is.</summary>
    string Rescue();

    /// <summary>Thread-safe; lost when no generation runs.</summary>
    void RequestPause(bool save);

    /// <summary>Thread-safe; lost when no generation runs.</summary>
    void Abort(string reason);
}

/// <summary>The real trainer, which knows nothing of sessions.</summary>
/// <param name="trainer">The trainer.</param>
/// <param name="isExact">Whether the ranks' states are compared: without exact sums devices of several models may take part, whose replicas are not the same bits.</param>
internal sealed class RankTrainerAdapter(RankTrainer trainer, bool isExact) : IRankTrainer
{
    public long CompletedStep => trainer.CompletedStep;

    public string LayoutDigest => trainer.LayoutDigest;

    public string StateDigest() => isExact ? trainer.StateDigest() : "";

    public GenerationResult Run(GenerationRequest request, CancellationToken cancellationToken) => trainer.Run(request, cancellationToken);

    public string Rescue() => trainer.Rescue();

    public void RequestPause(bool save) => trainer.RequestPause(save);

    public void Abort(string reason) => trainer.Abort(reason);

    public void Dispose() => trainer.Dispose();
}
