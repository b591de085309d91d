using System.Runtime.InteropServices;

namespace Diffusion.Native.Tests.Gpu;

/// <summary>What an exhausted memory is, and what would fit.</summary>
public sealed class DeviceMemoryTests
{
    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 139.80 GiB", true)]
    [InlineData("CUDA error: out of memory", true)]
    [InlineData("not enough CPU memory: tried to map 1 bytes while tensors hold 2", true)]
    [InlineData("The size of tensor a (3) must match the size of tensor b (4)", false)]
    public void IsExhausted_OfLibtorchsMessages_KnowsThem(string message, bool expected) => Assert.Equal(expected, DeviceMemory.IsExhausted(new LibtorchException(message)));

    [Fact]
    public void IsExhausted_OtherException_IsNot() => Assert.False(DeviceMemory.IsExhausted(new InvalidOperationException("out of memory")));

    [Theory]
    [InlineData(64, 100, 20, 1, 32)]
    [InlineData(64, 100, 20, 3, 8)]
    [InlineData(64, 100, 20, 41, 0)]
    [InlineData(64, 100, 200, 1, 0)]
    [InlineData(48, 100, 0, 2, 24)]
    [InlineData(1, 100, 0, 2, 0)]
    public void ImagesThatFit_OfABatch_DividesItAndLeavesRoom(int images, long used, long kept, long perImage, int expected) =>
        Assert.Equal(expected, DeviceMemory.ImagesThatFit(images, used, kept, perImage));

    private sealed class LibtorchException(string message) : ExternalException(message);
}
