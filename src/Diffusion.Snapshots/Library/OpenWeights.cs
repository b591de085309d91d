using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Library;

/// <summary>A verified file of weights, open for one reader. It stays whole until disposed, whatever the cache does meanwhile.</summary>
/// <param name="file">The file, open with a shared lock.</param>
/// <param name="query">What it answers, its time filled in.</param>
/// <param name="runName">Name of the run.</param>
/// <param name="contentId">Its digest.</param>
/// <param name="isTracked">Whether training stored it.</param>
public sealed class OpenWeights(FileStream file, WeightsQuery query, string runName, string contentId, bool isTracked) : IDisposable
{
    /// <summary>The bytes of the safetensors file. Whoever disposes it ends this object's life.</summary>
    public FileStream File => file;

    /// <summary>Size of the file.</summary>
    public long Bytes { get; } = file.Length;

    /// <summary>Name of the run.</summary>
    public string Run => runName;

    /// <summary>Training time, in images.</summary>
    public long ImagesSeen => query.ImagesSeen!.Value;

    /// <summary>Length σ_rel.</summary>
    public double RelativeStd => query.RelativeStd;

    /// <summary>Type of the weights.</summary>
    public ElementType ElementType => query.ElementType;

    /// <summary>Digest that identifies every byte; see <see cref="ContentDigest.ContentId"/>.</summary>
    public string ContentId => contentId;

    /// <summary>Whether training stored this length at this time.</summary>
    public bool IsTracked => isTracked;

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
