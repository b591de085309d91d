namespace Diffusion.Native;

/// <summary>Compares the kernels in use with loops that a reader can check, on random data with a few bad values.</summary>
internal static class KernelSelfTest
{
    public static IEnumerable<string> Run(int seed)
    {
        var random = new Random(seed);
        var layout = new ArenaLayout([("a", [random.Next(1, 200), 70]), ("b", [random.Next(1, 9000)])]);
        using var w = Filled(layout, random, 1);
        using var g = Filled(layout, random, 1);
        using var m = Filled(layout, random, 0.1f);
        using var v = Filled(layout, random, 0.1f, positive: true);
        using var average = Filled(layout, random, 1);
        g.Span(0)[3] = float.NaN;
        var step = new AdamStep { LearningRate = 0.01, Step = 1 + seed, ReplaceNonFinite = true };
        var expected = Expect(w, g, m, v, average, step, beta: 0.9);
        var summary = FusedAdam.Apply(w, g, m, v, [new AverageUpdate(average, 0.9)], step, threads: 2);

        int length = (int)layout.Length;
        if (!Same(w.Span(0, length), expected.Weights))
        {
            yield return $"Adam moved the weights differently from its definition (seed {seed}).";
        }

        if (!Same(average.Span(0, length), expected.Average))
        {
            yield return $"The average differs from its definition (seed {seed}).";
        }

        if (summary.NonFiniteCount != 1 || Math.Abs(summary.SumOfSquares - expected.SumOfSquares) > 1e-9 * expected.SumOfSquares)
        {
            yield return $"The gradient's summary is {summary.SumOfSquares} with {summary.NonFiniteCount} bad values; {expected.SumOfSquares} with 1 were put in (seed {seed}).";
        }

        if (ArenaKernels.Digest(w, threads: 2) != ContentDigest.ComputeManaged(w.Address, layout.Length * sizeof(float)))
        {
            yield return $"The digest differs from its definition (seed {seed}).";
        }
    }

    private static Arena Filled(ArenaLayout layout, Random random, float scale, bool positive = false)
    {
        var arena = new Arena(layout);
        for (int slot = 0; slot < layout.Slots.Count; slot++)
        {
            foreach (ref float value in arena.Span(slot))
            {
                value = scale * (positive ? random.NextSingle() : (2 * random.NextSingle()) - 1);
            }
        }

        return arena;
    }

    /// <summary>The definition, one element at a time; float products and sums, as FusedAdam documents.</summary>
    private static (float[] Weights, float[] Average, double SumOfSquares) Expect(Arena w, Arena g, Arena m, Arena v, Arena average, AdamStep step, double beta)
    {
        int length = (int)w.Length;
        var weights = w.Span(0, length).ToArray();
        var averages = average.Span(0, length).ToArray();
        double squares = 0;
        for (int i = 0; i < length; i++)
        {
            float raw = g.Span(i, 1)[0];
            float gradient = float.IsFinite(raw) ? raw : 0;
            squares += (double)gradient * gradient;
            float first = ((float)step.Beta1 * m.Span(i, 1)[0]) + ((float)(1 - step.Beta1) * gradient);
            float second = ((float)step.Beta2 * v.Span(i, 1)[0]) + ((float)(1 - step.Beta2) * (gradient * gradient));
            weights[i] -= (float)step.StepSize * first / ((MathF.Sqrt(second) / (float)step.RootCorrection2) + (float)step.Epsilon);
            averages[i] += (float)(1 - beta) * (weights[i] - averages[i]);
        }

        return (weights, averages, squares);
    }

    private static bool Same(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        for (int i = 0; i < actual.Length; i++)
        {
            if (Math.Abs(actual[i] - expected[i]) > 1e-6f * Math.Max(1, Math.Abs(expected[i])) || float.IsNaN(actual[i]))
            {
                return false;
            }
        }

        return true;
    }
}
