namespace Diffusion.Gpu;

/// <summary>What became of a check.</summary>
internal enum Verdict
{
    Passed,
    Failed,
    Skipped,

    /// <summary>A figure, neither right nor wrong.</summary>
    Measured,
}

/// <summary>One row of the table.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Verdict">What became of it.</param>
/// <param name="Figures">What was seen.</param>
internal sealed record CheckResult(string Check, Verdict Verdict, string Figures)
{
    public override string ToString() => $"{Check}\t{Verdict.ToString().ToLowerInvariant()}\t{Figures}";
}
