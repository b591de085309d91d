using Diffusion.Model.Sampling;

namespace Diffusion.Model.Tests.Sampling;

public class SeedBatchesTests
{
    [Fact]
    public void Split_RecordedCases_Match()
    {
        using var schedules = GoldenFiles.Case("schedules");
        foreach (var row in schedules.Rows("seed_batches"))
        {
            var seeds = Enumerable.Range(0, (int)row.Number("num_seeds")).Select(seed => (long)seed).ToList();

            var perRank = SeedBatches.Split(seeds, (int)row.Number("max_batch"), (int)row.Number("world"));

            var expected = row["per_rank"]!.AsArray().Select(rank => rank!.AsArray().Select(batch => batch!.AsArray().Select(seed => seed!.GetValue<long>()).ToArray()).Where(batch => batch.Length > 0).ToArray()).ToArray();
            Assert.Equal(expected, perRank.Select(rank => rank.Select(batch => batch.ToArray()).ToArray()));
        }
    }

    [Fact]
    public void Split_AnyNumbers_EverySeedOnceAndNoBatchTooLarge()
    {
        for (int count = 0; count < 40; count++)
        {
            for (int ranks = 1; ranks < 5; ranks++)
            {
                var perRank = SeedBatches.Split([.. Enumerable.Range(0, count).Select(seed => (long)seed)], 4, ranks);

                Assert.Equal(Enumerable.Range(0, count).Select(seed => (long)seed), perRank.SelectMany(rank => rank).SelectMany(batch => batch).Order());
                Assert.All(perRank.SelectMany(rank => rank), batch => Assert.InRange(batch.Count, 1, 4));
            }
        }
    }
}
