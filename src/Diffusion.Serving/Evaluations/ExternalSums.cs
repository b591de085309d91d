using System.Buffers.Binary;
using Diffusion.Snapshots.Scores;

namespace Diffusion.Serving.Evaluations;

/// <summary>
/// What a part contributes to an external metric: count, sum of values, sum of squares, as little-endian float64. The metric is the mean of the values;
/// sums are added in the order of the parts.
/// </summary>
internal readonly record struct ExternalSums(double Count, double Sum, double Squares)
{
    public const int Bytes = 3 * sizeof(double);

    /// <summary>What is wrong with the bytes of a part; null when nothing is.</summary>
    public static string? Problem(ReadOnlySpan<byte> bytes, int seeds)
    {
        if (bytes.Length != Bytes)
        {
            return $"{bytes.Length} bytes arrived; an external metric reports {Bytes}: count, sum and sum of squares as little-endian float64";
        }

        var sums = Read(bytes);
        return sums.Count != seeds || !double.IsFinite(sums.Sum) || !double.IsFinite(sums.Squares) || sums.Squares < 0
            ? FormattableString.Invariant($"count {sums.Count}, sum {sums.Sum} and sum of squares {sums.Squares} arrived; the part has {seeds} seeds, and finite sums are needed")
            : null;
    }

    public static ExternalSums Read(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadDoubleLittleEndian(bytes), BinaryPrimitives.ReadDoubleLittleEndian(bytes[8..]), BinaryPrimitives.ReadDoubleLittleEndian(bytes[16..]));

    /// <summary>The score of a job whose parts are all there.</summary>
    public static Score Score(EvaluationJob job, IEnumerable<ExternalSums> parts, DateTimeOffset measuredAt)
    {
        var all = parts.Aggregate(new ExternalSums(0, 0, 0), (a, b) => new ExternalSums(a.Count + b.Count, a.Sum + b.Sum, a.Squares + b.Squares));
        double mean = all.Sum / all.Count;
        double variance = Math.Max(0, (all.Squares - (all.Count * mean * mean)) / (all.Count - 1));
        return job.Expected(job.Metrics[0]) with { Value = mean, StandardError = Math.Sqrt(variance / all.Count), Extrapolated = mean, MeasuredAt = measuredAt };
    }
}
