using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Safetensors;

public sealed class NetworkFileTests : IDisposable
{
    private static readonly string[] Names = ["unet.out_gain", "unet.conv.weight", "logvar_linear.weight"];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("ema.")]
    [InlineData("state.model.")]
    public void Open_PrefixThatAllNamesShare_IsLeftOut(string prefix)
    {
        using var file = NetworkFile.Open(Write("w", ElementType.Float32, [.. Names.Select(name => prefix + name)]), Names);

        Assert.Equal(Names.Order(), file.Shapes.Keys.Order());
        Assert.Equal([2, 3], file.Shapes["unet.conv.weight"]);
    }

    [Fact]
    public void Open_PrefixThatOneNameLacks_Stays()
    {
        using var file = NetworkFile.Open(Write("w", ElementType.Float32, "ema.unet.out_gain", "ema.unet.conv.weight", "logvar_linear.weight"), Names);

        Assert.Contains("ema.unet.out_gain", file.Shapes.Keys);
    }

    [Fact]
    public void Open_PrefixThatTheNetworkHasToo_Stays()
    {
        string[] names = ["model.enc.weight", "model.dec.weight"];
        using var file = NetworkFile.Open(Write("w", ElementType.Float32, names), names);

        Assert.Equal(names.Order(), file.Shapes.Keys.Order());
    }

    [Fact]
    public void ContentId_OtherOrderTypePrefixOrName_IsTheSameOnlyWhileTheTensorsAre()
    {
        string id = ContentIdOf(Write("a", ElementType.Float32, Names));

        Assert.Equal(id, ContentIdOf(Write("b", ElementType.Float32, [.. Names.Reverse()])));
        Assert.Equal(id, ContentIdOf(Write("c", ElementType.Float16, Names)));
        Assert.Equal(id, ContentIdOf(Write("d", ElementType.BFloat16, [.. Names.Select(name => "ema." + name)])));
        Assert.NotEqual(id, ContentIdOf(Write("e", ElementType.Float32, "unet.out_gain", "unet.conv.weight", "logvar.weight")));
        Assert.NotEqual(id, ContentIdOf(Write("f", ElementType.Float32, 0.5f, Names)));
    }

    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float32)]
    public void ReadFloat32_AnyFloat_IsWidened(ElementType type)
    {
        using var file = NetworkFile.Open(Write("w", type, Names));
        float[] part = new float[2];

        file.ReadFloat32("unet.conv.weight", 4, part);

        Assert.Equal([5f, 6f], part);
    }

    [Fact]
    public void Open_IntegerTensor_IsRefusedByName()
    {
        string path = directory["w.safetensors"];
        using (var writer = SafetensorsWriter.Create(path, [new TensorSpec("unet.steps", ElementType.Int64, [])], new Dictionary<string, string>()))
        {
            writer.Write(new byte[8]);
            writer.Complete();
        }

        var refused = Assert.Throws<DamagedFileException>(() => NetworkFile.Open(path));

        Assert.Contains("'unet.steps' is I64", refused.Message, StringComparison.Ordinal);
    }

    private static string ContentIdOf(string path)
    {
        using var file = NetworkFile.Open(path);
        return file.ContentId();
    }

    private string Write(string name, ElementType type, params string[] tensors) => Write(name, type, 1, tensors);

    // Small whole numbers: every type holds them exactly, and a name has the same values wherever it stands.
    private string Write(string name, ElementType type, float first, params string[] tensors)
    {
        string path = directory[$"{name}.safetensors"];
        using var writer = SafetensorsWriter.Create(path, [.. tensors.Select(tensor => new TensorSpec(tensor, type, [2, 3]))], new Dictionary<string, string> { ["file"] = name });
        foreach (string tensor in tensors)
        {
            float[] values = [first, 2, 3, 4, 5, 6];
            byte[] bytes = new byte[values.Length * type.ByteSize()];
            FloatConversion.FromFloat32(type, values, bytes);
            writer.Write(bytes);
        }

        writer.Complete();
        return path;
    }
}
