using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Model.Tests.Interchange;

/// <summary>A snapshot is a state dictionary of the published networks: PyTorch loads it strictly into modules that know nothing of this program.</summary>
public sealed class PythonStateDictTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-interchange-").FullName;

    /// <summary>Label branch, attention, widths that change and ones that do not, embeddings of every width.</summary>
    public static TheoryData<string, int, ElementType> Cases => new()
    {
        { """{ "kind": "edm2-unet", "modelChannels": 8, "channelMult": [1, 2], "numBlocks": 1, "attnResolutions": [4], "channelsPerHead": 8 }""", 3, ElementType.Float16 },
        { """{ "kind": "edm2-unet", "modelChannels": 4, "channelMult": [1, 2, 2], "numBlocks": 2, "channelMultNoise": 3, "channelMultEmb": 5, "channelsPerHead": 8 }""", 0, ElementType.Float32 },
        { """{ "kind": "edm2-unet", "modelChannels": 16 }""", 10, ElementType.Float16 },
    };

    [PythonTorchTheory]
    [MemberData(nameof(Cases))]
    public async Task Write_AnyNetwork_LoadsStrictlyInPython(string network, int labelDim, ElementType stored)
    {
        var options = new ModelOptions { Images = new ImageShape(16, 2, labelDim), Network = StrictJson.Parse<Parts>($"{{ \"network\": {network} }}", "case").Network };
        using var model = ModelParts.CreateNetwork(options);
        using var generator = TestNetworks.Seeded(5);
        model.Initialize(generator);
        var values = model.StateOrder.Select(place => place.Value.data<float>().ToArray()).ToArray();
        var tensors = model.StateOrder.Select(place => new SnapshotTensor(place.Name, place.Shape, place is NetworkBuffer)).ToArray();
        var entry = new SnapshotWriter(directory, null, stored).Write(new SnapshotInfo { ImagesSeen = 1000, RelativeStd = 0.05 }, tensors, index => values[index]);

        string[] lines = await PythonTorch.RunAsync("load_strictly.py", Path.Combine(directory, entry.File), StrictJson.Write(options));

        var loaded = lines.Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal(tensors.Select(tensor => tensor.Name), loaded.Select(tensor => tensor["name"]!.GetValue<string>()));
        Assert.Equal(tensors.Select(tensor => tensor.Shape), loaded.Select(tensor => tensor["shape"]!.AsArray().Select(size => size!.GetValue<long>())));
        Assert.Equal(values.Select(tensor => Digest(tensor, stored)), loaded.Select(tensor => tensor["sha256"]!.GetValue<string>()));
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static string Digest(float[] values, ElementType stored)
    {
        float[] widened = stored == ElementType.Float16 ? [.. values.Select(value => (float)(Half)value)] : values;
        return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(widened)));
    }

    private sealed record Parts
    {
        public required ComponentConfig Network { get; init; }
    }
}
