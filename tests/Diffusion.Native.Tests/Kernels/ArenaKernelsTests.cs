namespace Diffusion.Native.Tests.Kernels;

public sealed unsafe class ArenaKernelsTests
{
    [Fact]
    public void Add_InPlace_IsTheElementwiseSum()
    {
        using var state = new AdamFixture(1);
        var expected = AdamFixture.ToDouble(state.Weights).Zip(AdamFixture.ToDouble(state.Gradients), (a, b) => (float)a + (float)b).ToArray();
        using var composed = new Arena(AdamFixture.Layout);
        ComposedKernels.Add(composed, state.Weights, state.Gradients);
        ArenaKernels.Add(state.Weights, state.Weights, state.Gradients, 2);
        Assert.Equal(expected, state.Weights.Span(0, expected.Length).ToArray());
        Assert.Equal(expected, composed.Span(0, expected.Length).ToArray());
    }

    [Fact]
    public void Scale_Factor_MultipliesEverything()
    {
        using var state = new AdamFixture(2);
        var expected = AdamFixture.ToDouble(state.Weights).Select(a => (float)a * 0.3f).ToArray();
        using var composed = new Arena(AdamFixture.Layout);
        composed.CopyFrom(state.Weights);
        ComposedKernels.Scale(composed, 0.3f);
        ArenaKernels.Scale(state.Weights, 0.3f, 2);
        Assert.Equal(expected, state.Weights.Span(0, expected.Length).ToArray());
        Assert.Equal(expected, composed.Span(0, expected.Length).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => ArenaKernels.Scale(state.Weights, float.PositiveInfinity, 1));
    }

    [Fact]
    public void Summarize_BadValues_AreCountedAndLeftOut()
    {
        using var state = new AdamFixture(3);
        state.Weights.Span(0)[7] = float.NaN;
        state.Weights.Span(2)[76] = float.NegativeInfinity;
        double expected = AdamFixture.ToDouble(state.Weights).Where(double.IsFinite).Sum(x => x * x);
        foreach (var summary in new[] { ArenaKernels.Summarize(state.Weights, 2), ComposedKernels.Summarize(state.Weights) })
        {
            Assert.Equal(2, summary.NonFiniteCount);
            Assert.Equal(expected, summary.SumOfSquares, 1e-10 * expected);
        }

        Assert.Equal(ArenaKernels.Summarize(state.Weights, 1), ArenaKernels.Summarize(state.Weights, 3));
    }

    [KernelFact]
    public void SumInOrder_KernelAndManaged_GiveTheSameBits()
    {
        // ((0 + 1) + (2 + 3)) + 4
        int[] merges = [0, 1, 0, 2, 1];
        const int count = 150_001;
        var sources = Enumerable.Range(0, 5).Select(i => Collectives.Numbers.Shard(i, count, seed: 4)).ToArray();
        var expected = new float[count];
        for (int i = 0; i < count; i++)
        {
            float left = sources[0][i] + sources[1][i];
            float right = sources[2][i] + sources[3][i];
            expected[i] = (left + right) + sources[4][i];
        }

        var native = new float[count];
        var managed = new float[count];
        fixed (float* a = sources[0], b = sources[1], c = sources[2], d = sources[3], e = sources[4], intoNative = native, intoManaged = managed)
        {
            nint[] addresses = [(nint)a, (nint)b, (nint)c, (nint)d, (nint)e];
            NativeKernels.SumInOrder((nint)intoNative, addresses, merges, count, 2);
            BufferKernels.SumInOrderManaged((nint)intoManaged, addresses, merges, count);
            Assert.Throws<ArgumentException>(() => NativeKernels.SumInOrder((nint)addresses[0], [1, 2], [0, 0], 1, 1));
            NativeKernels.SumInOrder((nint)a, addresses, merges, count, 2);
        }

        Assert.True(Collectives.Numbers.SameBits(expected, native));
        Assert.True(Collectives.Numbers.SameBits(expected, managed));
        Assert.True(Collectives.Numbers.SameBits(expected, sources[0]), "The destination may be one of the sources.");
    }

    [Fact]
    public void SelfTest_ThisBox_FindsNothing() => Assert.Empty(CpuEnvironment.SelfTest());
}
