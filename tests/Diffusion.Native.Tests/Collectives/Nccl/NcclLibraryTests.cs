using Diffusion.Native.Collectives.Nccl;

namespace Diffusion.Native.Tests.Collectives.Nccl;

public sealed class NcclLibraryTests
{
    private const string Torch = "7f00-7f01 r-xp 00000000 08:01 11 /opt/py/site-packages/torch/lib/libtorch_cpu.so\n";
    private const string Mapped = "7f10-7f11 r--p 00000000 08:01 12 /opt/py/site-packages/nvidia/nccl/lib/libnccl.so.2\n7f11-7f12 r-xp 00001000 08:01 12 /opt/py/site-packages/nvidia/nccl/lib/libnccl.so.2\n";

    [Fact]
    public void Choose_OneInMemory_IsTheOne() =>
        Assert.Equal("/opt/py/site-packages/nvidia/nccl/lib/libnccl.so.2", NcclLibrary.Choose(MappedLibraries.Parse(Torch + Mapped), null, _ => false));

    [Fact]
    public void Choose_PluginInMemory_IsNotACopy() =>
        Assert.Equal("libnccl.so.2", NcclLibrary.Choose(MappedLibraries.Parse("7f20-7f21 r-xp 0 08:01 13 /usr/lib/libnccl-net.so\n"), null, _ => false));

    [Theory]
    [InlineData("/opt/py/site-packages/torch/lib/libnccl.so.2")]
    [InlineData("/opt/py/site-packages/nvidia/nccl/lib/libnccl.so.2")]
    public void Choose_NoneInMemory_IsTheOneBesideLibtorch(string path) => Assert.Equal(path, NcclLibrary.Choose(MappedLibraries.Parse(Torch), null, file => file == path));

    [Fact]
    public void Choose_NothingAnywhere_AsksTheLoaderByName() => Assert.Equal("libnccl.so.2", NcclLibrary.Choose(MappedLibraries.Parse(Torch), null, _ => false));

    [Fact]
    public void Choose_TwoInMemory_IsRefusedWithBothPaths()
    {
        var mapped = MappedLibraries.Parse(Mapped + "7f20-7f21 r-xp 00000000 08:01 14 /usr/lib/x86_64-linux-gnu/libnccl.so.2.18.3\n");
        var e = Assert.Throws<PlatformNotSupportedException>(() => NcclLibrary.Choose(mapped, null, _ => false));
        Assert.Contains("/opt/py/site-packages/nvidia/nccl/lib/libnccl.so.2", e.Message, StringComparison.Ordinal);
        Assert.Contains("/usr/lib/x86_64-linux-gnu/libnccl.so.2.18.3", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Choose_NamedOtherThanInMemory_IsRefusedWithBothPaths()
    {
        var e = Assert.Throws<PlatformNotSupportedException>(() => NcclLibrary.Choose(MappedLibraries.Parse(Mapped), "/mine/libnccl.so.2", _ => true));
        Assert.Contains("/mine/libnccl.so.2", e.Message, StringComparison.Ordinal);
        Assert.Contains("/opt/py/site-packages/nvidia/nccl/lib/libnccl.so.2", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2804, "2.8.4")]
    [InlineData(21806, "2.18.6")]
    [InlineData(22809, "2.28.9")]
    public void VersionText_Code_IsTheVersionPeopleKnow(int code, string version) => Assert.Equal(version, NcclLibrary.VersionText(code));
}
