using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Model.Preconditioning;

namespace Diffusion.Evaluation.Golden;

/// <summary>Builds the networks that cases describe.</summary>
public static class GoldenNetwork
{
    private static readonly string[] ImageKeys = ["img_resolution", "img_channels", "label_dim"];

    /// <summary>The model of a recorded configuration: one flat object with snake_case keys.</summary>
    /// <exception cref="ConfigurationException">A key is unknown, or its value is not possible.</exception>
    public static ModelOptions Options(JsonObject config)
    {
        var preconditioningKeys = typeof(PreconditionerOptions).GetProperties().Select(property => property.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var network = new JsonObject();
        var preconditioning = new JsonObject();
        foreach (var (key, value) in config)
        {
            // Numbers are recorded on the CPU in single precision, whatever the run was configured for.
            if (key == "use_fp16" || ImageKeys.Contains(key))
            {
                continue;
            }

            string name = CamelCase(key);
            (preconditioningKeys.Contains(name) ? preconditioning : network)[name] = value?.DeepClone();
        }

        return new ModelOptions
        {
            Images = new ImageShape(config["img_resolution"]!.GetValue<int>(), config["img_channels"]!.GetValue<int>(), config["label_dim"]?.GetValue<int>() ?? 0),
            Network = new ComponentConfig { Kind = ModelParts.Edm2UNet, Options = network },
            Preconditioning = new ComponentConfig { Kind = ModelParts.Edm2Preconditioning, Options = preconditioning },
        };
    }

    /// <summary>A network with the state recorded under a prefix.</summary>
    /// <param name="config">Recorded configuration.</param>
    /// <param name="source">Case that holds the tensors.</param>
    /// <param name="prefix">Before each name, with its dot.</param>
    public static INetwork Load(JsonObject config, GoldenCase source, string prefix)
    {
        var network = ModelParts.CreateNetwork(Options(config));
        network.Precision = source.Precision;
        LoadState(network, source, prefix);
        return network;
    }

    /// <summary>Puts a recorded state into a network.</summary>
    public static void LoadState(INetwork network, GoldenCase source, string prefix)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        network.LoadState(source.Under(prefix).ToDictionary(name => name, name => source.Tensor(prefix + name)));
    }

    private static string CamelCase(string snake)
    {
        string pascal = string.Concat(snake.Split('_').Select(word => word.Length == 0 ? "" : char.ToUpperInvariant(word[0]) + word[1..]));
        return JsonNamingPolicy.CamelCase.ConvertName(pascal);
    }
}
