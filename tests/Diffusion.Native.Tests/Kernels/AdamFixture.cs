namespace Diffusion.Native.Tests.Kernels;

/// <summary>Arenas of one training state, filled from a seed, and a double-precision twin of the step.</summary>
internal sealed class AdamFixture : IDisposable
{
    public static readonly ArenaLayout Layout = new([("a", [300, 401]), ("b", []), ("c", [77])]);

    private readonly int seed;

    public AdamFixture(int seed)
    {
        this.seed = seed;
        All = [.. Enumerable.Range(0, 6).Select(_ => new Arena(Layout))];
        Refill(Weights, 1, 1);
        Refill(FirstMoment, 2, 0.1f);
        Refill(SecondMoment, 3, 0.1f, positive: true);
        Refill(Averages[0], 4, 1);
        Refill(Averages[1], 5, 1);
        NewGradient(0);
    }

    public Arena[] All { get; }

    public Arena Weights => All[0];

    public Arena Gradients => All[1];

    public Arena FirstMoment => All[2];

    public Arena SecondMoment => All[3];

    public Arena[] Averages => All[4..];

    public void NewGradient(int step) => Refill(Gradients, 100 + step, 0.3f);

    public ulong[] Digests() => [.. All.Select(arena => ArenaKernels.Digest(arena, 1))];

    public AverageUpdate[] Updates(double first, double second) => [new(Averages[0], first), new(Averages[1], second)];

    public void Dispose() => Array.ForEach(All, arena => arena.Dispose());

    public static double[] ToDouble(Arena arena) => [.. arena.Span(0, (int)Layout.Length).ToArray().Select(value => (double)value)];

    private void Refill(Arena arena, int stream, float scale, bool positive = false)
    {
        var random = new Random((seed * 1000) + stream);
        for (int slot = 0; slot < Layout.Slots.Count; slot++)
        {
            foreach (ref float value in arena.Span(slot))
            {
                value = scale * (positive ? random.NextSingle() : (2 * random.NextSingle()) - 1);
            }
        }
    }
}
