using Diffusion.Contracts.Configuration;
using Diffusion.Worker.Faults;

namespace Diffusion.Worker.Tests.Faults;

public sealed class FaultPlanTests
{
    [Theory]
    [InlineData("kill@mid-bucket:step=7")]
    [InlineData("hang@between-buckets:step=0,seconds=2.5")]
    [InlineData("stop@state-transfer:step=12")]
    [InlineData("slow@forward:step=0,seconds=0.05")]
    public void Parse_OfItsText_IsTheSameFault(string text) => Assert.Equal(text, FaultPlan.Parse(text).ToString());

    [Fact]
    public void Parse_WithoutOptions_IsTheFirstPassage() => Assert.Equal(new FaultPlan(FaultAction.Hang, FaultPoint.Join, 0, null), FaultPlan.Parse("hang@join"));

    [Theory]
    [InlineData("kill")]
    [InlineData("kill@")]
    [InlineData("burn@forward")]
    [InlineData("kill@backward")]
    [InlineData("kill@forward:step=-1")]
    [InlineData("kill@forward:seconds=3")]
    [InlineData("hang@forward:seconds=99999999")]
    [InlineData("slow@forward:step=3")]
    [InlineData("kill@forward;kill")]
    [InlineData("kill@forward:steps=3")]
    public void Parse_AnythingElse_IsRefusedWithTheRule(string text) =>
        Assert.Contains("mid-bucket, between-buckets", Assert.Throws<ConfigurationException>(() => FaultPlan.ParseAll(text)).Message, StringComparison.Ordinal);
}
