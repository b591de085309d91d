using System.Globalization;

namespace Diffusion.Evaluation.Golden;

/// <summary>Outcome of one comparison.</summary>
public enum GoldenVerdict
{
    /// <summary>Within tolerance.</summary>
    Passed,

    /// <summary>Outside, or it could not be computed.</summary>
    Failed,

    /// <summary>Nothing here knows how to compute it.</summary>
    Skipped,
}

/// <summary>One comparison with recorded numbers.</summary>
/// <param name="Case">Name of the case.</param>
/// <param name="Part">What was compared, usually the name of the recorded tensor.</param>
/// <param name="LargestError">Largest difference found, in the units of <paramref name="Tolerance"/>; NaN if nothing could be compared.</param>
/// <param name="Tolerance">Largest difference allowed.</param>
/// <param name="Verdict">The outcome.</param>
/// <param name="Remark">Why it failed or was skipped, if there is more to say than the numbers do.</param>
public sealed record GoldenResult(string Case, string Part, double LargestError, double Tolerance, GoldenVerdict Verdict, string? Remark = null)
{
    /// <summary>A comparison of numbers: passed if the error is not above the tolerance; NaN fails.</summary>
    public static GoldenResult Compare(string @case, string part, double largestError, double tolerance, string? remark = null)
        => new(@case, part, largestError, tolerance, largestError <= tolerance ? GoldenVerdict.Passed : GoldenVerdict.Failed, remark);

    /// <summary>Something no check knows.</summary>
    public static GoldenResult Skip(string @case, string part, string remark) => new(@case, part, double.NaN, double.NaN, GoldenVerdict.Skipped, remark);

    /// <summary>Something that stopped before it could be compared. Messages of libtorch go on for pages; their beginning says it.</summary>
    public static GoldenResult Failure(string @case, string part, Exception exception)
    {
        const int Longest = 400;
        string message = exception.Message.Length <= Longest ? exception.Message : exception.Message[..Longest] + "…";
        return new GoldenResult(@case, part, double.NaN, 0, GoldenVerdict.Failed, $"{exception.GetType().Name}: {message}");
    }

    /// <summary>One line: the verdict, the case, the part, and the numbers where there are any.</summary>
    public override string ToString()
    {
        string numbers = double.IsNaN(LargestError) && Remark is not null ? "" : string.Create(CultureInfo.InvariantCulture, $"error {LargestError:g3}, tolerance {Tolerance:g3}");
        string remark = Remark is null ? "" : numbers.Length == 0 ? Remark : $" ({Remark})";
        return $"{Verdict} {Case} {Part}: {numbers}{remark}".ReplaceLineEndings(" ");
    }
}
