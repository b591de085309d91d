using System.Text.Json;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Report;

/// <summary>A sweep's numbers, for programs.</summary>
internal static class SweepJson
{
    public static string Write(string run, long imagesSeen, int heldOutImages, int drawsPerImage, IReadOnlyList<MeasuredLength> sweep, MeasuredLength best) => JsonSerializer.Serialize(
        new
        {
            Run = run,
            ImagesSeen = imagesSeen,
            HeldOutImages = heldOutImages,
            DrawsPerImage = drawsPerImage,
            Best = best.RelativeStd,
            Lengths = sweep.Select(m => new
            {
                m.RelativeStd,
                Loss = m.Loss.Mean,
                m.Loss.StandardError,
                DifferenceToBest = m.Loss.DifferenceTo(best.Loss).Mean,
                DifferenceStandardError = m.Loss.DifferenceTo(best.Loss).StandardError,
                ReconstructionError = m.ExpectedError,
                Snapshot = Path.GetFileName(m.Path),
                NoiseBands = m.Loss.Bands.Where(b => b.Count > 0).Select(b => new { b.SigmaFrom, SigmaTo = double.IsInfinity(b.SigmaTo) ? (double?)null : b.SigmaTo, b.Count, b.Mean }),
            }),
        },
        StrictJson.Options) + "\n";
}
