namespace Diffusion.Data.Tests.Batches;

public sealed class BatchPrefetcherTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void Take_SeveralSteps_ComesStepByStepAndShardByShard()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 20, new ImageShape(1, 4, 4));
        var reader = new ShardReader(ImageSet.Whole(dataset), new BatchSequence(20, 1), 16, 4);
        using var limit = new CancellationTokenSource(Patience);
        using var prefetcher = new BatchPrefetcher(reader, [3, 1], imagesSeen: 32, depth: 3, TimeProvider.System);
        for (int step = 2; step < 12; step++)
        {
            foreach (int shard in new[] { 3, 1 })
            {
                using ImageBatch batch = prefetcher.Take(limit.Token);
                using ImageBatch direct = reader.Read(16 * step, shard);
                Assert.Equal((16L * step, shard), (batch.ImagesSeen, batch.Shard));
                Assert.Equal(direct.Pixels, batch.Pixels);
            }
        }
    }

    [Fact]
    public void Take_Cancelled_Ends()
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 20, new ImageShape(1, 4, 4));
        var reader = new ShardReader(ImageSet.Whole(dataset), new BatchSequence(20, 1), 16, 4);
        using var prefetcher = new BatchPrefetcher(reader, [0], 0, depth: 1, TimeProvider.System);
        Assert.Throws<OperationCanceledException>(() => prefetcher.Take(new CancellationToken(canceled: true)).Dispose());
    }

    [Fact]
    public void Take_ReadingFails_SaysWhy()
    {
        using var directory = new TemporaryDirectory();
        PackedDataset dataset = TestData.Pack(directory, 20, new ImageShape(1, 4, 4));
        var reader = new ShardReader(ImageSet.Whole(dataset), new BatchSequence(20, 1), 16, 4);
        dataset.Dispose();
        using var limit = new CancellationTokenSource(Patience);
        using var prefetcher = new BatchPrefetcher(reader, [0], 0, depth: 1, TimeProvider.System);
        Assert.Contains("disposed", Assert.Throws<DatasetException>(() => prefetcher.Take(limit.Token).Dispose()).Message);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 4 })]
    [InlineData(new[] { 1, 1 })]
    public void Constructor_ImpossibleShards_IsRefused(int[] shards)
    {
        using var directory = new TemporaryDirectory();
        using PackedDataset dataset = TestData.Pack(directory, 20, new ImageShape(1, 4, 4));
        var reader = new ShardReader(ImageSet.Whole(dataset), new BatchSequence(20, 1), 16, 4);
        Assert.Throws<ArgumentException>(() => new BatchPrefetcher(reader, shards, 0, 1, TimeProvider.System));
    }
}
