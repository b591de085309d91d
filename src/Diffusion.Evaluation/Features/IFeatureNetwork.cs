using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>Turns images into vectors whose distribution is compared.</summary>
/// <remarks>Not for several threads at once.</remarks>
public interface IFeatureNetwork : IDisposable
{
    /// <summary>What its vectors may be compared with.</summary>
    FeatureSpace Space { get; }

    /// <summary>Computes the vectors of some images.</summary>
    /// <param name="pixels">[n, C, H, W] 8-bit pixels.</param>
    /// <param name="shape">Shape of one image.</param>
    /// <returns>[n, D].</returns>
    /// <exception cref="ArgumentException">Images of this shape are not what it is for.</exception>
    float[] Extract(ReadOnlySpan<byte> pixels, ImageShape shape);
}
