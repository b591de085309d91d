using Diffusion.Model.Encoding;

namespace Diffusion.Model.Tests.Encoding;

public class ImageEncodersTests
{
    [Fact]
    public void PixelEncoder_EveryByte_ComesBack()
    {
        using var scope = torch.NewDisposeScope();
        var pixels = torch.arange(256).to(ScalarType.Byte);

        Assert.Equal(pixels.data<byte>().ToArray(), PixelEncoder.Decode(PixelEncoder.Encode(pixels)).data<byte>().ToArray());
    }

    [Fact]
    public void LatentEncoder_DecodeOfEncode_IsTheSampledLatent()
    {
        using var scope = torch.NewDisposeScope();
        var stored = torch.rand([2, 8, 4, 4], generator: TestNetworks.Seeded(1));
        var noise = torch.randn([2, 4, 4, 4], generator: TestNetworks.Seeded(2));

        var latents = LatentEncoder.Decode(LatentEncoder.Encode(stored, noise));

        Assert.True(TestNetworks.Difference(stored.narrow(1, 0, 4).add(stored.narrow(1, 4, 4).mul(noise)), latents) < 1e-4);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(8, 4)]
    public void For_StoredChannels_ChoosesTheEncoder(int stored, int seen)
        => Assert.Equal((stored, seen), (ImageEncoders.For(stored).StoredChannels, ImageEncoders.For(stored).NetworkChannels));

    [Fact]
    public void For_OtherChannels_AreRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => ImageEncoders.For(5));
}
