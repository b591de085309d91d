namespace Diffusion.Data.Tests.Batches;

public sealed class EncoderTests
{
    [Fact]
    public void Encode_GoldenPixels_EqualsReference()
    {
        byte[] pixels = Golden.Tensor<byte>("edm2_ops.safetensors", "rgb.u8");
        float[] encoded = new float[pixels.Length];
        PixelEncoder.Encode(pixels, encoded);
        Assert.Equal(Golden.Tensor<float>("edm2_ops.safetensors", "rgb.encoded"), encoded);
    }

    [Fact]
    public void Decode_GoldenValues_EqualsReference()
    {
        float[] values = Golden.Tensor<float>("edm2_ops.safetensors", "rgb.float");
        byte[] pixels = new byte[values.Length];
        PixelEncoder.Decode(values, pixels);
        Assert.Equal(Golden.Tensor<byte>("edm2_ops.safetensors", "rgb.decoded"), pixels);
    }

    [Fact]
    public void Decode_Extremes_AreClipped()
    {
        byte[] pixels = new byte[6];
        PixelEncoder.Decode([-1f, 0f, 1f, float.PositiveInfinity, float.NegativeInfinity, float.NaN], pixels);
        Assert.Equal([0, 128, 255, 255, 0, 0], pixels);
    }

    [Fact]
    public void Normalize_GoldenLatents_EqualsReference()
    {
        float[] raw = Golden.Tensor<float>("edm2_ops.safetensors", "vae.raw_mean_std");
        float[] noise = Golden.Tensor<float>("edm2_ops.safetensors", "vae.noise");
        float[] expected = Golden.Tensor<float>("edm2_ops.safetensors", "vae.latents");
        float[] means = new float[raw.Length / 2];
        float[] stds = new float[raw.Length / 2];
        LatentEncoder.Split(raw, count: 2, means, stds);
        float[] latents = [.. means.Select((mean, i) => mean + (stds[i] * noise[i]))];
        LatentEncoder.Normalize(latents, channelElements: 36);
        Assert.All(expected.Zip(latents), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));

        LatentEncoder.Denormalize(latents, channelElements: 36);
        Assert.All(latents.Select((z, i) => (z, i)), pair => Assert.Equal(means[pair.i] + (stds[pair.i] * noise[pair.i]), pair.z, 1e-4f));
    }
}
