namespace Diffusion.Data.Tests.Batches;

public sealed class ShardReaderTests
{
    private static readonly ImageShape Shape = new(3, 4, 4);

    [Fact]
    public void Read_AnyShardCount_GivesTheSameBatch()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 37, Shape, i => i % 5);
        ImageSet images = ImageSet.ForTraining(dataset, new ImageSetOptions { MirrorX = true, HeldOut = 4 });
        var sequence = new BatchSequence(images.Count, seed: 3);
        using ImageBatch whole = new ShardReader(images, sequence, 32, 1).Read(64, 0);
        foreach (int shards in new[] { 2, 4, 8, 32 })
        {
            var reader = new ShardReader(images, sequence, 32, shards);
            var pixels = new List<byte>();
            var labels = new List<float>();
            var ids = new List<long>();
            for (int shard = 0; shard < shards; shard++)
            {
                using ImageBatch batch = reader.Read(64, shard);
                pixels.AddRange(batch.Pixels);
                labels.AddRange(batch.Labels);
                ids.AddRange(batch.ImageIds);
            }

            Assert.Equal(whole.Pixels, pixels);
            Assert.Equal(whole.Labels, labels);
            Assert.Equal(whole.ImageIds, ids);
        }
    }

    [Fact]
    public void Read_EveryImage_MatchesTheDataset()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 16, Shape, i => i % 5);
        ImageSet images = ImageSet.Whole(dataset);
        using ImageBatch batch = new ShardReader(images, new BatchSequence(16, 0), 8, 2).Read(8, 1);
        for (int i = 0; i < batch.Count; i++)
        {
            int id = (int)batch.ImageIds[i];
            Assert.Equal(dataset.Image(id).ToArray(), batch.Pixels.AsSpan(i * Shape.Elements, Shape.Elements).ToArray());
            float[] label = new float[5];
            label[id % 5] = 1;
            Assert.Equal(label, batch.Labels.AsSpan(i * 5, 5).ToArray());
        }
    }

    [Fact]
    public void Dispose_Batch_IsReusedOnceOnly()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 16, Shape);
        var reader = new ShardReader(ImageSet.Whole(dataset), new BatchSequence(16, 0), 8, 2);
        ImageBatch first = reader.Read(0, 0);
        first.Dispose();
        first.Dispose();
        using ImageBatch second = reader.Read(0, 1);
        using ImageBatch third = reader.Read(0, 0);
        Assert.Same(first, second);
        Assert.NotSame(second, third);
    }

    [Fact]
    public void Constructor_SequenceOfOtherLength_IsRefused()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 16, Shape);
        Assert.Throws<ArgumentException>(() => new ShardReader(ImageSet.Whole(dataset), new BatchSequence(15, 0), 8, 2));
    }
}
