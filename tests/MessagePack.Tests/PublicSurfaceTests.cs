using Grpc.Tests.Contract;

namespace MessagePack.Tests;

public sealed class PublicSurfaceTests
{
    [Fact]
    public void OurAssembly_HasNothing_ThatThePublishedLacks()
    {
        var ours = AssemblySurface.Of(typeof(MessagePackReader).Assembly.Location);
        var published = AssemblySurface.Listed(Path.Combine(AppContext.BaseDirectory, "Published", "MessagePack.txt"));

        Assert.NotEmpty(ours);
        Assert.Empty(ours.Except(published));
    }
}
