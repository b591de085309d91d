using System.Text.Json.Nodes;
using Diffusion.Evaluation.Golden;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Model.Tests.Golden;

/// <summary>Cases may refer to a network in another file and bring a guiding one of their own, of another size.</summary>
public sealed class GuidedSamplerCaseTests : IDisposable
{
    private const string Config = """{ "use_fp16": true, "img_resolution": 8, "img_channels": 2, "label_dim": 3, "model_channels": 8, "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [4], "channels_per_head": 8, "clip_act": null, "logvar_channels": 16 }""";
    private const string GuideConfig = """{ "img_resolution": 8, "img_channels": 2, "label_dim": 0, "model_channels": 4, "channel_mult": [1], "num_blocks": 1, "attn_resolutions": [], "resample_filter": [1, 3, 3, 1], "sigma_data": 0.4 }""";

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory();

    public void Dispose() => directory.Delete(recursive: true);

    [Theory]
    [InlineData("guide.state0.")]
    [InlineData("other.")]
    public void Run_GuidedAndChurned_FindsBothNetworks(string guidePrefix)
    {
        using var scope = torch.NewDisposeScope();
        using var network = Create(Config, seed: 1);
        using var guide = Create(GuideConfig, seed: 2);
        var noise = torch.randn([2, 2, 8, 8], generator: TestNetworks.Seeded(3));
        var labels = torch.eye(3).narrow(0, 0, 2);
        var churn = torch.randn([3, 2, 2, 8, 8], generator: TestNetworks.Seeded(4));
        int draws = 0;
        var images = HeunSampler.Sample(network, noise, labels, new HeunOptions { Steps = 3, SigmaMax = 10, Guidance = 1.7, SChurn = 1 }, guide, _ => churn[draws++]);

        WriteCase("net", $$"""{ "kind": "edm2_network", "name": "some_net", "config": {{Config}} }""", State(network, "state0."));
        WriteCase(
            "sampler",
            $$"""
            {
              "kind": "edm2_sampler", "name": "guided", "networks": { "B": "some_net state0" }, "guiding_network_config": {{GuideConfig}},
              "cases": [ { "tag": "B.both", "guided": true, "draws": 3, "args": { "num_steps": 3, "sigma_max": 10, "guidance": 1.7, "S_churn": 1, "S_max": "inf" } } ]
            }
            """,
            [("B.noise", noise), ("B.labels", labels), ("B.both.out", images), ("B.both.churn_noise", churn), .. State(guide, guidePrefix)]);

        var results = new GoldenRunner().Run(directory.FullName, CancellationToken.None).Where(result => result.Case == "guided").ToList();

        Assert.Equal(["B.both.out", "B.both.draws"], results.Select(result => result.Part));
        Assert.True(results.All(result => result.Verdict == GoldenVerdict.Passed), string.Join('\n', results));
    }

    private static INetwork Create(string config, long seed)
    {
        var network = ModelParts.CreateNetwork(GoldenNetwork.Options(JsonNode.Parse(config)!.AsObject()));
        using var generator = TestNetworks.Seeded(seed);
        network.Initialize(generator);
        using var guard = torch.no_grad();
        foreach (var gain in network.Parameters.Where(parameter => parameter.Shape.Count == 0))
        {
            gain.Value.fill_(0.5);
        }

        return network;
    }

    private static IEnumerable<(string Name, Tensor Value)> State(INetwork network, string prefix) => network.ReadState().Select(pair => (prefix + pair.Key, pair.Value));

    private void WriteCase(string file, string json, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        var all = tensors.ToList();
        var description = JsonNode.Parse(json)!.AsObject();
        description["tensors_file"] = file + ".safetensors";
        File.WriteAllText(Path.Combine(directory.FullName, file + ".json"), description.ToJsonString());
        using var writer = SafetensorsWriter.Create(Path.Combine(directory.FullName, file + ".safetensors"), [.. all.Select(tensor => new TensorSpec(tensor.Name, ElementType.Float32, tensor.Value.shape))], new Dictionary<string, string>());
        foreach (var (_, value) in all)
        {
            writer.WriteFloat32(value.contiguous().data<float>().ToArray());
        }

        writer.Complete();
    }
}
