using System.Text.Json;

namespace Diffusion.Data.Tests.Seeding;

public sealed class TupleSeedTests
{
    [Fact]
    public void Hash_GoldenTuples_EqualCPython()
    {
        foreach (JsonElement row in Golden.Json("schedules.json").GetProperty("seed_from_tuple").EnumerateArray())
        {
            long[] tuple = [.. row.GetProperty("tuple").EnumerateArray().Select(value => value.GetInt64())];
            Assert.Equal(row.GetProperty("python_hash").GetInt64(), TupleSeed.PythonHash(tuple));
            Assert.Equal(row.GetProperty("seed").GetInt32(), TupleSeed.Hash(tuple));
        }
    }

    // Values of CPython 3.11: hash((...)) & 0x7fffffff.
    [Theory]
    [MemberData(nameof(ExtremeTuples))]
    public void Hash_ExtremeValues_EqualCPython(long[] tuple, int seed) => Assert.Equal(seed, TupleSeed.Hash(tuple));

    public static TheoryData<long[], int> ExtremeTuples => new()
    {
        { [], 750394491 },
        { [-1], 800643373 },
        { [-2], 800643373 },
        { [2305843009213693951], 2087574872 },
        { [2305843009213693952], 1706968241 },
        { [-2305843009213693952], 800643373 },
        { [9223372036854775807], 846416092 },
        { [long.MinValue], 1661195522 },
        { [0, -1, 5], 1832473947 },
    };
}
