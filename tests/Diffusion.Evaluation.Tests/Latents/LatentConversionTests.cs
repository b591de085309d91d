using System.IO.Compression;
using System.Runtime.InteropServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Evaluation.Latents;
using TorchSharp;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.Latents;

/// <summary>The autoencoders come from make_autoencoders.py beside this file: blocks of 8 x 8 pixels to their colour and back.</summary>
public sealed class LatentConversionTests : IDisposable
{
    private const int Side = 32;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("latents.zip", 8)]
    [InlineData("latents", 3)]
    public void Encode_Images_WritesLatentsThatTrainingReads(string destination, int batch)
    {
        string images = WriteImages(10, new ImageShape(3, Side, Side));
        var result = Encode(images, folder.In(destination), batch);

        Assert.Equal(new ConversionResult(10, 0, new ImageShape(8, Side / 8, Side / 8), 2), result);
        using var packed = new DatasetCache(folder.In("cache")).Open(folder.In(destination), null, CancellationToken.None);
        Assert.Equal(ImageElement.Latent, packed.Element);
        Assert.Equal(new long[] { 0, 0, 0, 0, 0, 1, 1, 1, 1, 1 }, packed.Labels.Classes.ToArray());
        for (int i = 0; i < packed.Count; i++)
        {
            Assert.Equal(ExpectedLatent(ImageDecoder.Read(ImagePath(images, i))), MemoryMarshal.Cast<byte, float>(packed.Image(i)).ToArray(), Close);
        }
    }

    [Fact]
    public void Encode_PackedDataset_IsTheSame()
    {
        string images = WriteImages(4, new ImageShape(3, Side, Side));
        using (var packed = new DatasetCache(folder.In("cache")).Open(images, null, CancellationToken.None))
        {
            Encode(packed.Directory, folder.In("a"), 4);
        }

        Encode(images, folder.In("b"), 4);
        string[] files = [.. Directory.GetFiles(folder.In("a"), "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder.In("a"), f))];
        Assert.Equal(5, files.Length);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(folder.In("a"), file)), File.ReadAllBytes(Path.Combine(folder.In("b"), file))));
    }

    [Fact]
    public void Decode_Latents_PaintsTheirMeans()
    {
        string images = WriteImages(5, new ImageShape(3, Side, Side));
        Encode(images, folder.In("latents.zip"), 4);
        using var autoencoder = Load("whole.pt");
        var result = LatentConversion.Decode(new DatasetMapping { Source = folder.In("latents.zip"), Destination = folder.In("back"), Batch = 3 }, autoencoder, null, CancellationToken.None);

        Assert.Equal(new ImageShape(3, Side, Side), result.Shape);
        Assert.Equal(2, result.LabelDim);
        for (int i = 0; i < 5; i++)
        {
            var latent = ExpectedLatent(ImageDecoder.Read(ImagePath(images, i)));
            var painted = ImageDecoder.Read(Path.Combine(folder.In("back"), "00000", $"img{i:D8}.png"));
            Assert.All(Enumerable.Range(0, painted.Bytes.Length), at => Assert.InRange(painted.Bytes[at] - (latent[LatentAt(at)] * 255), -1.001, 0.001));
        }
    }

    [Fact]
    public void DecodeImages_WhatANetworkSees_IsScaledBackFirst()
    {
        using var autoencoder = Load("whole.pt");
        using var scope = torch.NewDisposeScope();
        var raw = torch.full([1, 4, 2, 2], 0.4f);
        var seen = Diffusion.Model.Encoding.LatentEncoder.Encode(torch.cat([raw, torch.zeros_like(raw)], 1), torch.zeros_like(raw));

        Assert.All(autoencoder.DecodeImages(seen).data<byte>().ToArray(), pixel => Assert.InRange(pixel, 101, 102));
    }

    [Theory]
    [InlineData("logarithm.pt", "Return the deviation, not its logarithm")]
    [InlineData("smaller.pt", "from [2, 3, 32, 32] it makes [2, 8, 8, 8], not [2, 8, 4, 4]")]
    [InlineData("infinite.pt", "not finite")]
    public void Encode_AnotherAutoencoder_IsRefusedByWhatItComputes(string module, string reason)
    {
        string images = WriteImages(2, new ImageShape(3, Side, Side));
        var error = Assert.Throws<ConfigurationException>(() => Encode(images, folder.In("out.zip"), 2, module));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("stabilityai/sd-vae-ft-mse", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.In("out.zip")));
    }

    [Theory]
    [InlineData("smaller.pt", "it makes [2, 4, 4, 4], not [2, 3, 32, 32]")]
    [InlineData("infinite.pt", "cannot decode [2, 4, 4, 4]")]
    public void Decode_AnotherAutoencoder_IsRefusedByWhatItComputes(string module, string reason)
    {
        using var autoencoder = Load(module);
        using var latents = torch.zeros(2, 4, 4, 4);
        var error = Assert.Throws<ConfigurationException>(() => autoencoder.Decode(latents));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 32, "takes RGB images")]
    [InlineData(3, 20, "multiples of 8")]
    public void Encode_OtherImages_AreRefusedBeforeAnythingIsWritten(int channels, int side, string reason)
    {
        string images = WriteImages(2, new ImageShape(channels, side, side));
        var error = Assert.Throws<DatasetException>(() => Encode(images, folder.In("out"), 2));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.In("out")));
    }

    [Fact]
    public void EncodeAndDecode_TheWrongWayRound_AreRefused()
    {
        string images = WriteImages(2, new ImageShape(3, Side, Side));
        Encode(images, folder.In("latents.zip"), 2);
        var encoded = Assert.Throws<DatasetException>(() => Encode(folder.In("latents.zip"), folder.In("out.zip"), 2));
        Assert.Contains("encoded already", encoded.Message, StringComparison.Ordinal);
        using var autoencoder = Load("whole.pt");
        var decoded = Assert.Throws<DatasetException>(() => LatentConversion.Decode(new DatasetMapping { Source = images, Destination = folder.In("out.zip") }, autoencoder, null, CancellationToken.None));
        Assert.Contains("stored latents are 8 channels of float32", decoded.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoOrNoTorchScript_SaysWhereToGetOne()
    {
        File.WriteAllText(folder.In("vae.safetensors"), "weights");
        foreach (string? path in new[] { null, folder.In("none.pt"), folder.In("vae.safetensors") })
        {
            var error = Assert.Throws<ConfigurationException>(() => ScriptedAutoencoder.Load(path));
            Assert.Contains("README.md, section Latents", error.Message, StringComparison.Ordinal);
        }
    }

    private static ConversionResult Encode(string source, string destination, int batch, string module = "whole.pt")
    {
        using var autoencoder = Load(module);
        return LatentConversion.Encode(new DatasetMapping { Source = source, Destination = destination, Batch = batch }, autoencoder, null, CancellationToken.None);
    }

    private static ScriptedAutoencoder Load(string name) => ScriptedAutoencoder.Load(Path.Combine(AppContext.BaseDirectory, "Latents", name));

    private static bool Close(float a, float b) => MathF.Abs(a - b) < 1e-5f;

    private static string ImagePath(string images, int index) => Directory.GetFiles(images, "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ElementAt(index);

    // Channel, row and column of a pixel, as place in the latent.
    private static int LatentAt(int at) => (at / (Side * Side) * (Side / 8) * (Side / 8)) + (at / Side % Side / 8 * (Side / 8)) + (at % Side / 8);

    private static float[] ExpectedLatent(DecodedImage image)
    {
        const int Plane = Side / 8 * (Side / 8);
        float[] latent = new float[8 * Plane];
        for (int i = 0; i < image.Bytes.Length; i++)
        {
            latent[LatentAt(i)] += image.Bytes[i] / 255f / 64;
        }

        for (int i = 0; i < Plane; i++)
        {
            latent[(3 * Plane) + i] = (latent[i] + latent[Plane + i] + latent[(2 * Plane) + i]) / 3;
        }

        for (int i = 0; i < 4 * Plane; i++)
        {
            latent[(4 * Plane) + i] = latent[i] / 4;
        }

        return latent;
    }

    // Two class folders of random pixels.
    private string WriteImages(int count, ImageShape shape)
    {
        var random = new Random(3);
        for (int i = 0; i < count; i++)
        {
            byte[] pixels = new byte[shape.Elements];
            random.NextBytes(pixels);
            string path = folder.In($"images/{(i < count / 2 ? "ant" : "bee")}/{i:D3}.png");
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, PngWriter.Encode(pixels, shape, CompressionLevel.NoCompression));
        }

        return folder.In("images");
    }
}
