namespace Diffusion.Native.Tests.Kernels;

public sealed class FusedAdamTests
{
    private static readonly AdamStep First = new() { LearningRate = 0.01, Step = 1 };

    [KernelFact]
    public void Apply_EveryInstructionSetAndThreadCount_GivesTheSameBits()
    {
        string usual = NativeKernels.InstructionSet;
        var results = new List<(string How, ulong[] Digests, GradientSummary Summary)>();
        foreach (string set in new[] { "base", "avx2", "avx512" }.Where(NativeKernels.TrySelect))
        {
            Assert.True(NativeKernels.TrySelect(set));
            foreach (int threads in new[] { 1, 2, 3, 7 })
            {
                using var state = new AdamFixture(1);
                var summary = Steps(state, 3, (s, step) => NativeKernels.Adam(s.Weights, s.Gradients, s.FirstMoment, s.SecondMoment, s.Updates(0.9, 0), step, threads));
                results.Add(($"{set}, {threads} threads", state.Digests(), summary));
            }
        }

        Assert.True(NativeKernels.TrySelect(usual));
        Assert.All(results, result => Assert.True(result.Digests.SequenceEqual(results[0].Digests) && result.Summary == results[0].Summary, result.How));
    }

    [KernelFact]
    public void Apply_Composed_GivesTheKernelsBits()
    {
        using var kernel = new AdamFixture(2);
        using var composed = new AdamFixture(2);
        kernel.Gradients.Span(0)[5] = float.NaN;
        composed.Gradients.Span(0)[5] = float.NaN;
        var fromKernel = Steps(kernel, 3, (s, step) => NativeKernels.Adam(s.Weights, s.Gradients, s.FirstMoment, s.SecondMoment, s.Updates(0.9, 0), step, 2));
        var fromComposed = Steps(composed, 3, (s, step) =>
        {
            var summary = ComposedKernels.Summarize(s.Gradients.Flat, (float)step.GradientScale);
            ComposedKernels.Adam(s.Weights, s.Gradients, s.FirstMoment, s.SecondMoment, s.Updates(0.9, 0), step);
            return summary;
        });

        Assert.Equal(kernel.Digests(), composed.Digests());
        Assert.Equal(fromKernel.SumOfSquares, fromComposed.SumOfSquares, 1e-9 * fromKernel.SumOfSquares);
    }

    [Fact]
    public void Apply_ManySteps_StaysByTheDoublePrecisionTwin()
    {
        using var state = new AdamFixture(3);
        var (w, m, v) = (AdamFixture.ToDouble(state.Weights), AdamFixture.ToDouble(state.FirstMoment), AdamFixture.ToDouble(state.SecondMoment));
        var e = AdamFixture.ToDouble(state.Averages[0]);
        for (int k = 1; k <= 10; k++)
        {
            state.NewGradient(k);
            var g = AdamFixture.ToDouble(state.Gradients);
            double scale = 0.5, rate = 0.01 / k, beta = 0.95;
            double squares = 0;
            for (int i = 0; i < w.Length; i++)
            {
                double gi = g[i] * scale;
                squares += gi * gi;
                m[i] = (0.9 * m[i]) + (0.1 * gi);
                v[i] = (0.99 * v[i]) + (0.01 * gi * gi);
                w[i] -= rate * (m[i] / (1 - Math.Pow(0.9, k))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.99, k))) + 1e-8);
                e[i] = (beta * e[i]) + ((1 - beta) * w[i]);
            }

            var step = new AdamStep { LearningRate = rate, Step = k, GradientScale = scale };
            var summary = FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [new AverageUpdate(state.Averages[0], beta)], step, 2);
            Assert.Equal(squares, summary.SumOfSquares, 1e-6 * squares);
            Assert.True(summary.IsFinite);
        }

        AssertClose(w, state.Weights);
        AssertClose(e, state.Averages[0]);
        AssertClose(v, state.SecondMoment);
    }

    [Fact]
    public void Apply_BetaZero_CopiesTheWeightsExactly()
    {
        using var state = new AdamFixture(4);
        state.Averages[0].Span(0)[0] = 1e30f;
        state.Averages[1].Span(0)[0] = float.PositiveInfinity;
        FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, state.Updates(0, 0), First, 2);
        Assert.Equal(ArenaKernels.Digest(state.Weights, 1), ArenaKernels.Digest(state.Averages[0], 1));
        Assert.Equal(ArenaKernels.Digest(state.Weights, 1), ArenaKernels.Digest(state.Averages[1], 1));
    }

    [Fact]
    public void Apply_RateZero_MovesTheMomentsOnly()
    {
        using var state = new AdamFixture(5);
        ulong[] before = state.Digests();
        FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [], First with { LearningRate = 0 }, 2);
        ulong[] after = state.Digests();
        Assert.Equal(before[0], after[0]);
        Assert.NotEqual(before[2], after[2]);
        Assert.NotEqual(before[3], after[3]);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Apply_BadGradient_CountsAsZeroWhenAskedTo(float bad)
    {
        using var state = new AdamFixture(6);
        using var twin = new AdamFixture(6);
        state.Gradients.Span(0)[123] = bad;
        twin.Gradients.Span(0)[123] = 0;
        var step = First with { ReplaceNonFinite = true };
        var summary = FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [], step, 2);
        var expected = FusedAdam.Apply(twin.Weights, twin.Gradients, twin.FirstMoment, twin.SecondMoment, [], step, 2);

        Assert.Equal(twin.Digests(), state.Digests());
        Assert.Equal((expected.SumOfSquares, 1), (summary.SumOfSquares, summary.NonFiniteCount));
        Assert.False(summary.IsFinite);
    }

    [Fact]
    public void Apply_BadGradient_ReachesTheWeightsOtherwise()
    {
        using var state = new AdamFixture(7);
        state.Gradients.Span(0)[123] = float.NaN;
        FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [], First, 2);
        Assert.Equal(1, ArenaKernels.Summarize(state.Weights, 1).NonFiniteCount);
    }

    [Fact]
    public void Apply_Gradients_AreClearedOrKept()
    {
        using var state = new AdamFixture(8);
        ulong before = ArenaKernels.Digest(state.Gradients, 1);
        FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [], First with { ZeroGradients = false }, 2);
        Assert.Equal(before, ArenaKernels.Digest(state.Gradients, 1));
        FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [], First, 2);
        Assert.Equal(0, ArenaKernels.Summarize(state.Gradients, 1).SumOfSquares);
    }

    [Fact]
    public void Apply_Padding_StaysZero()
    {
        using var state = new AdamFixture(9);
        FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, state.Updates(0.5, 0), First, 2);
        var slots = AdamFixture.Layout.Slots;
        foreach (var arena in state.All)
        {
            for (int i = 0; i < slots.Count; i++)
            {
                long end = i + 1 < slots.Count ? slots[i + 1].Offset : AdamFixture.Layout.Length;
                long start = slots[i].Offset + slots[i].Length;
                Assert.All(arena.Span(start, (int)(end - start)).ToArray(), value => Assert.Equal(0u, BitConverter.SingleToUInt32Bits(value)));
            }
        }
    }

    [Fact]
    public void Apply_BadArguments_SayValueAndRule()
    {
        using var state = new AdamFixture(10);
        using var other = new Arena(new ArenaLayout([("a", [3])]));
        void Apply(AdamStep step, double beta = 0.5, int threads = 1) =>
            FusedAdam.Apply(state.Weights, state.Gradients, state.FirstMoment, state.SecondMoment, [new AverageUpdate(state.Averages[0], beta)], step, threads);

        Assert.Contains("Step is 0", Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First with { Step = 0 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First with { LearningRate = double.NaN }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First with { Beta1 = 1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First with { Epsilon = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First, beta: 1.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First, beta: double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Apply(First, threads: 0));
        Assert.Throws<ArgumentException>(() => FusedAdam.Apply(state.Weights, other, state.FirstMoment, state.SecondMoment, [], First, 1));
    }

    private static GradientSummary Steps(AdamFixture state, int count, Func<AdamFixture, AdamStep, GradientSummary> apply)
    {
        GradientSummary summary = default;
        for (int k = 1; k <= count; k++)
        {
            summary = apply(state, new AdamStep { LearningRate = 0.01, Step = k, GradientScale = 1.0 / 3, ReplaceNonFinite = true });
            state.NewGradient(k);
        }

        return summary;
    }

    private static void AssertClose(double[] expected, Arena actual)
    {
        var values = actual.Span(0, expected.Length);
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(values[i] - expected[i]));
        }

        Assert.InRange(worst, 0, 2e-6);
    }
}
