using System.Text.Json;

namespace Diffusion.Data.Tests.Batches;

public sealed class BatchSequenceTests
{
    [Fact]
    public void ImageIndexAt_GoldenOrders_EqualReference()
    {
        foreach (JsonElement row in Golden.Json("schedules.json").GetProperty("infinite_sampler").EnumerateArray())
        {
            bool shuffle = !row.TryGetProperty("shuffle", out JsonElement value) || value.GetBoolean();
            var sequence = new BatchSequence(row.GetProperty("dataset_size").GetInt64(), row.GetProperty("seed").GetInt64(), shuffle);
            long start = row.GetProperty("start_idx").GetInt64() + row.GetProperty("rank").GetInt64();
            long stride = row.GetProperty("num_replicas").GetInt64();
            long[] expected = [.. row.GetProperty("indices").EnumerateArray().Select(index => index.GetInt64())];
            Assert.Equal(expected, expected.Select((_, i) => sequence.ImageIndexAt(start + (i * stride))));
        }
    }

    // Property: however a batch is cut, the shards together are the same images in the same order.
    [Fact]
    public void Fill_AnyShardCount_CutsTheSameBatch()
    {
        const int Seed = 20240517;
        var random = new Random(Seed);
        for (int trial = 0; trial < 200; trial++)
        {
            int batchSize = 1 << random.Next(0, 8);
            long imagesSeen = random.NextInt64(0, 1L << 40);
            var sequence = new BatchSequence(random.Next(1, 300), random.NextInt64());
            long[] whole = new long[batchSize];
            sequence.Fill(imagesSeen, batchSize, shards: 1, shard: 0, whole);
            for (int shards = 1; shards <= batchSize; shards *= 2)
            {
                long[] pieces = new long[batchSize];
                int share = batchSize / shards;
                foreach (int shard in Enumerable.Range(0, shards).OrderBy(_ => random.Next()))
                {
                    sequence.Fill(imagesSeen, batchSize, shards, shard, pieces.AsSpan(shard * share, share));
                }

                Assert.True(whole.SequenceEqual(pieces), $"Seed {Seed}, trial {trial}: {shards} shards of {batchSize} at {imagesSeen}.");
            }
        }
    }

    [Fact]
    public void Fill_OneEpoch_VisitsEveryImageOnce()
    {
        var sequence = new BatchSequence(96, seed: 5);
        long[] indices = new long[96];
        sequence.Fill(96 * 3, 96, 1, 0, indices);
        Assert.Equal(Enumerable.Range(0, 96).Select(i => (long)i), indices.Order());
    }

    [Fact]
    public async Task ImageIndexAt_ManyThreads_AgreeWithOne()
    {
        var shared = new BatchSequence(50, seed: 9);
        var alone = new BatchSequence(50, seed: 9);
        long[] expected = [.. Enumerable.Range(0, 2000).Select(i => alone.ImageIndexAt(i))];
        long[][] found = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Enumerable.Range(0, 2000).Select(i => shared.ImageIndexAt(i)).ToArray())));
        Assert.All(found, indices => Assert.Equal(expected, indices));
    }

    [Fact]
    public void Fill_IndivisibleBatch_SaysWhatWouldFit()
    {
        var sequence = new BatchSequence(10, 0);
        ArgumentException error = Assert.Throws<ArgumentException>(() => sequence.Fill(0, 10, 4, 0, new long[2]));
        Assert.Contains("8 or 12", error.Message);
    }
}
