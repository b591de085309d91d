using System.Text.Json;

namespace Diffusion.Data.Tests.Seeding;

public sealed class ImageSelectionTests
{
    [Fact]
    public void Subset_GoldenCases_EqualReference()
    {
        foreach (JsonElement row in Golden.Json("schedules.json").GetProperty("dataset_max_size_subset").EnumerateArray())
        {
            int[] expected = [.. row.GetProperty("raw_idx").EnumerateArray().Select(value => value.GetInt32())];
            Assert.Equal(expected, ImageSelection.Subset(row.GetProperty("size").GetInt32(), row.GetProperty("max_size").GetInt32(), row.GetProperty("random_seed").GetInt64()));
        }
    }

    [Fact]
    public void HeldOut_WithClasses_IsBalanced()
    {
        long[] classes = [.. Enumerable.Range(0, 997).Select(i => (long)(i % 10))];
        int[] chosen = ImageSelection.HeldOut(classes.Length, 50, seed: 7, classes);
        Assert.Equal(50, chosen.Distinct().Count());
        Assert.All(chosen.GroupBy(i => classes[i]), group => Assert.Equal(5, group.Count()));
    }

    [Fact]
    public void HeldOut_ClassRunsOut_TakesFromOthers()
    {
        long[] classes = [0, 1, 1, 1, 1, 1];
        int[] chosen = ImageSelection.HeldOut(6, 4, seed: 0, classes);
        Assert.Contains(0, chosen);
        Assert.Equal(4, chosen.Distinct().Count());
    }

    [Fact]
    public void HeldOut_AllImages_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageSelection.HeldOut(10, 10, 0, []));
}
