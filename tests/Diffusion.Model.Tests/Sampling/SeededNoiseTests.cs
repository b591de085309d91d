using Diffusion.Model.Sampling;

namespace Diffusion.Model.Tests.Sampling;

public class SeededNoiseTests
{
    [Fact]
    public void Draws_RecordedSeeds_MatchInOrder()
    {
        using var scope = torch.NewDisposeScope();
        using var schedules = GoldenFiles.Case("schedules");
        long[] seeds = [.. schedules.Json["seed_noise_seeds"]!.AsArray().Select(seed => seed!.GetValue<long>())];
        using var noise = new SeededNoise(seeds);
        var first = schedules.Tensor("seed_noise");

        Assert.Equal(0, TestNetworks.Difference(first, noise.Randn(first.shape[1..])));
        Assert.Equal(schedules.Tensor("seed_labels").data<long>().ToArray(), noise.RandInt(10).data<long>().ToArray());
        Assert.Equal(0, TestNetworks.Difference(schedules.Tensor("seed_noise_second_draw"), noise.RandnLike(first)));
    }

    [Fact]
    public void Labels_ForcedClass_LeavesTheNoiseThatFollowsUnchanged()
    {
        using var scope = torch.NewDisposeScope();
        using var free = new SeededNoise([1, 2, 3]);
        using var forced = new SeededNoise([1, 2, 3]);

        free.Labels(5);
        var labels = forced.Labels(5, forcedClass: 2)!;

        Assert.Equal(3, labels.narrow(1, 2, 1).sum().item<float>());
        Assert.Equal(0, TestNetworks.Difference(free.Randn([4]), forced.Randn([4])));
        Assert.Throws<ArgumentOutOfRangeException>(() => forced.Labels(5, forcedClass: 5));
        Assert.Null(free.Labels(0));
    }

    [Fact]
    public void Randn_SeedInAnotherBatch_IsTheSameImage()
    {
        using var scope = torch.NewDisposeScope();
        using var many = new SeededNoise([7, 8, 9]);
        using var one = new SeededNoise([8]);

        Assert.Equal(0, TestNetworks.Difference(many.Randn([2, 4, 4]).narrow(0, 1, 1), one.Randn([2, 4, 4])));
    }
}
