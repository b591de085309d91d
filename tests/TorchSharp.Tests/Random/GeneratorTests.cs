using System.Text.Json;

namespace TorchSharp.Tests.Random;

public sealed class GeneratorTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Randn_PerSeed_IsThatOfPyTorch()
    {
        using var schedules = JsonDocument.Parse(File.ReadAllText(GoldenPath("schedules.json")));
        var seeds = schedules.RootElement.GetProperty("seed_noise_seeds").EnumerateArray().Select(seed => seed.GetInt64()).ToArray();
        var noise = Golden<float>("seed_noise");
        var labels = Golden<long>("seed_labels");
        var second = Golden<float>("seed_noise_second_draw");
        const int Count = 3 * 4 * 4;
        for (var i = 0; i < seeds.Length; i++)
        {
            using var generator = new Generator((ulong)seeds[i]);
            Assert.Equal(noise[(i * Count)..((i + 1) * Count)], randn([3, 4, 4], generator: generator).data<float>().ToArray());
            Assert.Equal(labels[i], randint(10, [1], generator: generator).item<long>());
            Assert.Equal(second.Length, seeds.Length * Count);
        }
    }

    [Fact]
    public void Randn_WithAGenerator_LeavesTheDefaultAlone()
    {
        var state = get_rng_state();
        using var generator = new Generator(7);
        _ = randn([64], generator: generator);
        _ = rand([64], generator: generator);
        _ = randint(0, 9, [64], generator: generator);
        _ = randperm(9, generator: generator);
        _ = zeros(64).normal_(generator: generator).uniform_(0, 1, generator).bernoulli_(0.3, generator).exponential_(1, generator);
        _ = full([9], 0.5).bernoulli(generator);
        _ = ones(9).multinomial(3, generator: generator);
        Assert.True(get_rng_state().Equals(state));
    }

    [Fact]
    public void ManualSeed_Again_RepeatsTheNumbers()
    {
        using var generator = new Generator(3);
        var first = randn([100], generator: generator);
        Assert.False(randn([100], generator: generator).Equals(first));
        Assert.Same(generator, generator.manual_seed(3));
        Assert.True(randn([100], generator: generator).Equals(first));
        Assert.Equal(3, generator.initial_seed());
        torch.manual_seed(3).Dispose();
        Assert.True(randn(100).Equals(first));
        Assert.Equal(3, torch.initial_seed());
    }

    [Fact]
    public void State_Restored_ContinuesWhereItWas()
    {
        using var generator = new Generator(11);
        _ = randn([5], generator: generator);
        var state = generator.get_state();
        var expected = randn([33], generator: generator);
        using var other = new Generator();
        other.set_state(state);
        Assert.True(randn([33], generator: other).Equals(expected));
        Assert.NotEqual(generator.seed(), generator.seed());
    }

    [Fact]
    public void Distributions_ManyDraws_HaveTheirMoments()
    {
        using var generator = new Generator(1);
        const int Many = 200_000;
        var normal = zeros(Many, dtype: float64).normal_(2, 3, generator);
        Assert.InRange(normal.mean().ToDouble(), 1.97, 2.03);
        Assert.InRange(normal.std().ToDouble(), 2.97, 3.03);
        Assert.InRange(zeros(Many).uniform_(-1, 3, generator).mean().ToDouble(), 0.98, 1.02);
        Assert.InRange(zeros(Many).bernoulli_(0.25, generator).mean().ToDouble(), 0.245, 0.255);
        Assert.InRange(zeros(Many).exponential_(4, generator).mean().ToDouble(), 0.245, 0.255);
        Assert.InRange(rand([Many], generator: generator).mean().ToDouble(), 0.495, 0.505);
        var dice = randint(1, 7, [Many], generator: generator);
        Assert.Equal((1, 6), (dice.min().ToInt32(), dice.max().ToInt32()));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => (long)i), randperm(50, generator: generator).data<long>().ToArray().Order());
        Assert.InRange(zeros(Many).random_(0, 10, generator).mean().ToDouble(), 4.45, 4.55);
    }

    private static string GoldenPath(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    private static T[] Golden<T>(string name)
        where T : unmanaged
    {
        var bytes = File.ReadAllBytes(GoldenPath("schedules.safetensors"));
        var headerLength = (int)BitConverter.ToInt64(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, headerLength));
        var offsets = header.RootElement.GetProperty(name).GetProperty("data_offsets");
        var data = bytes.AsSpan((8 + headerLength + offsets[0].GetInt32())..(8 + headerLength + offsets[1].GetInt32()));
        return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, T>(data).ToArray();
    }
}
