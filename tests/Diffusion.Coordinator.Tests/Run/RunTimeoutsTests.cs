using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Tests.Run;

public sealed class RunTimeoutsTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(1)]
    [InlineData(1000)]
    public void Problems_AnyScale_HasNone(double scale) => Assert.Empty(RunTimeouts.Scaled(scale).Problems());

    [Fact]
    public void Problems_LeaseAboveTheExchangeAndRejoin_NamesThoseThatClash()
    {
        string[] problems = [.. (RunTimeouts.Scaled(1) with { Lease = TimeSpan.FromSeconds(9) }).Problems()];

        Assert.Contains("The lease timeout is 9 s and the collective timeout 8 s", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void StepDeadline_LongSteps_IsFiveOfThem() =>
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(50)), (RunTimeouts.Scaled(1).StepDeadline(TimeSpan.FromSeconds(1), false), RunTimeouts.Scaled(1).StepDeadline(TimeSpan.FromSeconds(10), false)));
}
