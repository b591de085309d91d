namespace Diffusion.Data.Tests.Shapes;

public sealed class ShapesDatasetTests
{
    [Fact]
    public void Write_ThenOpen_HasTenBalancedClasses()
    {
        using var directory = new TemporaryDirectory();
        var options = new ShapesOptions { Count = 60, Resolution = 16, Seed = 8 };
        ShapesDataset.Write(directory["shapes"], options, null, CancellationToken.None);
        using PackedDataset dataset = new DatasetCache(directory["cache"]).Open(directory["shapes"], null, CancellationToken.None);
        Assert.Equal((60, new ImageShape(3, 16, 16)), (dataset.Count, dataset.Shape));
        Assert.Equal(ShapesDataset.ClassNames, dataset.Labels.ClassNames);
        Assert.All(dataset.Labels.Classes.ToArray().GroupBy(label => label), group => Assert.Equal(6, group.Count()));
        Assert.Equal(ShapesDataset.Draw(0, 3, options), dataset.Image(3).ToArray());
    }

    [Fact]
    public void Draw_SameSeed_IsTheSameImage()
    {
        var options = new ShapesOptions { Resolution = 32, Seed = 4 };
        Assert.Equal(ShapesDataset.Draw(7, 11, options), ShapesDataset.Draw(7, 11, options));
        Assert.NotEqual(ShapesDataset.Draw(7, 11, options), ShapesDataset.Draw(7, 12, options));
        Assert.NotEqual(ShapesDataset.Draw(7, 11, options), ShapesDataset.Draw(7, 11, options with { Seed = 5 }));
    }

    // A nearest-silhouette classifier on the image's own edges knows most shapes, so a network and a person can.
    [Fact]
    public void Draw_EveryClass_IsFarFromTheOthers()
    {
        var options = new ShapesOptions { Resolution = 16, Seed = 1 };
        float[][] means = [.. Enumerable.Range(0, 10).Select(label => MeanContrast(label, 0, 200, options))];
        int right = 0;
        for (int label = 0; label < 10; label++)
        {
            for (int number = 200; number < 220; number++)
            {
                float[] image = MeanContrast(label, number, number + 1, options);
                int nearest = Enumerable.Range(0, 10).MaxBy(other => means[other].Zip(image).Sum(pair => pair.First * pair.Second) / Norm(means[other]));
                right += nearest == label ? 1 : 0;
            }
        }

        Assert.True(right >= 150, $"{right} of 200 shapes are nearest to the mean of their own class.");
    }

    [Fact]
    public void Write_ExistingDirectory_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        Assert.Throws<DatasetException>(() => ShapesDataset.Write(directory.Path, new ShapesOptions { Count = 10 }, null, CancellationToken.None));
    }

    [Fact]
    public void Write_Cancelled_LeavesNothing()
    {
        using var directory = new TemporaryDirectory();
        Assert.ThrowsAny<OperationCanceledException>(() => ShapesDataset.Write(directory["shapes"], new ShapesOptions(), null, new CancellationToken(canceled: true)));
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    /// <summary>Distance of every pixel from the mean colour of the border, averaged over images, without its mean.</summary>
    private static float[] MeanContrast(int label, int from, int to, ShapesOptions options)
    {
        int side = options.Resolution;
        float[] sum = new float[side * side];
        for (int number = from; number < to; number++)
        {
            byte[] pixels = ShapesDataset.Draw(label, number, options);
            int[] corners = [0, side - 1, side * (side - 1), (side * side) - 1];
            for (int i = 0; i < sum.Length; i++)
            {
                sum[i] += Enumerable.Range(0, 3).Sum(c => MathF.Abs(pixels[(c * side * side) + i] - (float)corners.Average(corner => pixels[(c * side * side) + corner])));
            }
        }

        float mean = sum.Average();
        return Array.ConvertAll(sum, value => value - mean);
    }

    private static float Norm(float[] values) => MathF.Sqrt(values.Sum(value => value * value));
}
