using System.Text;

namespace Diffusion.Native.Tests.Kernels;

public sealed unsafe class ContentDigestTests
{
    [Theory]
    [InlineData("", 0, 0xEF46DB3751D8E999)]
    [InlineData("abc", 0, 0x44BC2CF5AD770999)]
    public void Xxh64_PublishedVectors_Match(string text, ulong seed, ulong expected) =>
        Assert.Equal(expected, ContentDigest.Xxh64(Encoding.ASCII.GetBytes(text), seed));

    [KernelTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(1 << 20)]
    [InlineData((1 << 20) + 4)]
    [InlineData(5_000_011)]
    public void Compute_AnyLengthAndThreads_EqualsTheManagedDefinition(int bytes)
    {
        var data = new byte[bytes + 1];
        new Random(bytes).NextBytes(data);
        fixed (byte* first = data)
        {
            ulong expected = ContentDigest.ComputeManaged((nint)first, bytes);
            for (int threads = 1; threads <= 3; threads++)
            {
                Assert.Equal(expected, NativeKernels.Digest((nint)first, bytes, threads));
            }
        }
    }

    [Fact]
    public void Compute_OneBitChanged_Differs()
    {
        var data = new byte[3_000_000];
        ulong before = ContentDigest.Compute(data);
        data[2_500_000] ^= 1;
        Assert.NotEqual(before, ContentDigest.Compute(data));
    }
}
