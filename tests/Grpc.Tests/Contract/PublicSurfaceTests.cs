namespace Grpc.Tests.Contract;

public sealed class PublicSurfaceTests
{
    [Theory]
    [InlineData("Grpc.Core.Api")]
    [InlineData("Grpc.Net.Common")]
    [InlineData("Grpc.Services")]
    public void OurAssembly_HasNothing_ThatThePublishedLacks(string assembly)
    {
        var ours = AssemblySurface.Of(Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll"));
        var published = AssemblySurface.Listed(Path.Combine(AppContext.BaseDirectory, "Contract", "Published", $"{assembly}.txt"));

        Assert.NotEmpty(ours);
        Assert.Empty(ours.Except(published));
    }

    [Fact]
    public void Surface_AMemberTooMany_IsReported()
    {
        // The test assembly's own public types stand for members that no package has.
        var ours = AssemblySurface.Of(typeof(PublicSurfaceTests).Assembly.Location);
        var published = AssemblySurface.Listed(Path.Combine(AppContext.BaseDirectory, "Contract", "Published", "Grpc.Core.Api.txt"));

        Assert.Contains(ours.Except(published), line => line.Contains(nameof(Surface_AMemberTooMany_IsReported), StringComparison.Ordinal));
    }
}
