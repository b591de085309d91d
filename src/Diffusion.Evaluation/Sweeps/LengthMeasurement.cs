namespace Diffusion.Evaluation.Sweeps;

/// <summary>One EMA length to be measured.</summary>
/// <param name="RelativeStd">Length σ_rel.</param>
/// <param name="Repetition">0 for the first seeds, 1 for the next set of them, and so on. What is measured with the same seeds shares its noise.</param>
public readonly record struct LengthProbe(double RelativeStd, int Repetition);

/// <summary>One EMA length, measured. Smaller is better.</summary>
/// <param name="RelativeStd">Length σ_rel.</param>
/// <param name="Repetition">Which set of seeds.</param>
/// <param name="Value">The metric.</param>
/// <param name="StandardError">Of the metric, with whatever all lengths of the same seeds have in common; null where it is not known.</param>
public readonly record struct LengthMeasurement(double RelativeStd, int Repetition, double Value, double? StandardError = null);
