using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Features;
using TorchSharp;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Cli.Metrics;

/// <summary>Which feature network, and how images reach it.</summary>
internal sealed class FeatureOptions
{
    private readonly Option<string?> features = new("--features") { Description = "Feature network: a file of 'features train', or TorchScript", HelpName = "FILE" };
    private readonly Option<string?> input = new("--features-input") { Description = $"How images reach TorchScript: {string.Join("; ", FeatureInput.All.Select(i => $"{i.Name} ({i.Description})"))} [default: uint8]", HelpName = "NAME" };
    private readonly Option<string> device = new("--device") { Description = $"Where networks run: {DeviceOption.Forms}", HelpName = "NAME", DefaultValueFactory = _ => "auto" };

    public void AddTo(Command command)
    {
        command.Add(features);
        command.Add(input);
        command.Add(device);
    }

    /// <summary>The file; null for none.</summary>
    public string? PathOf(ParseResult result) => result.GetValue(features);

    /// <summary>Whether one was given.</summary>
    public bool Given(ParseResult result) => result.GetValue(features) is not null;

    /// <exception cref="ConfigurationException">The device is not there.</exception>
    public torch.Device Device(ParseResult result) => DeviceOption.Read(result.GetValue(device)!);

    /// <summary>Opens the network that was asked for; null for none.</summary>
    public IFeatureNetwork? Open(ParseResult result, ImageShape shape)
    {
        var convention = result.GetValue(input) is { } name ? FeatureInput.Named(name) : null;
        return result.GetValue(features) is { } path
            ? FeatureNetworks.Open(path, shape, convention, Device(result))
            : convention is null ? null : throw new ConfigurationException("--features-input says how images reach --features FILE, which is missing.");
    }
}
