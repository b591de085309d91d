using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Snapshots.Tests.Reconstruction;

public sealed class LengthListTests
{
    [Fact]
    public void Parse_GoldenLists_MatchToTheLastBit()
    {
        foreach (var item in GoldenFiles.Json("schedules.json").GetProperty("parse_std_list").EnumerateArray())
        {
            var expected = item.GetProperty("out").EnumerateArray().Select(value => value.GetDouble());
            Assert.Equal(expected, LengthList.Parse(item.GetProperty("s").GetString()!));
        }
    }

    [Fact]
    public void Parse_RepeatedUnsortedSpacedDescending_AreSortedAndUnique()
    {
        Assert.Equal([0.05, 0.1, 0.2], LengthList.Parse(" 0.2, 0.1,0.05 ,0.1"));
        Assert.Equal([1, 2, 3, 4], LengthList.Parse("4,3,...,1"));
        Assert.Equal([1, 2, 3], LengthList.Parse("1,2,...,3"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("0.1,,0.2")]
    [InlineData("0.1,...,0.2")]
    [InlineData("0.1,0.2,...")]
    [InlineData("0.1,0.2,...,...,0.5")]
    [InlineData("0.1,0.1,...,0.2")]
    [InlineData("0.1,0.2,...,0.45")]
    [InlineData("0.1,0.2,...,0.05")]
    [InlineData("0.1,0.2,...,0.2")]
    [InlineData("0.1,0.2,...,1e9")]
    [InlineData("nan")]
    public void Parse_NoList_IsRefusedQuotingIt(string text)
        => Assert.Contains($"'{text}'", Assert.Throws<FormatException>(() => LengthList.Parse(text)).Message, StringComparison.Ordinal);
}
