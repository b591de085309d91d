using Diffusion.Contracts.Configuration;
using Xunit;

namespace Diffusion.Contracts.Tests.Configuration;

/// <summary>An unknown name leads to the one that was meant.</summary>
public sealed class SuggestionTests
{
    private static readonly string[] Known = ["--net", "--outdir", "--grid", "--seeds"];

    [Theory]
    [InlineData("--out", "--outdir")]
    [InlineData("--nett", "--net")]
    [InlineData("--sedes", "--seeds")]
    public void For_NearOrBegun_NamesIt(string unknown, string meant) =>
        Assert.Equal($"Did you mean '{meant}'?", Suggestion.For(unknown, Known));

    [Fact]
    public void For_NothingNear_ListsWhatIsKnown() =>
        Assert.Equal("Known are: --net, --outdir, --grid, --seeds.", Suggestion.For("--temperature", Known));
}
