using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Scores;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Features;

/// <summary>Any network that PyTorch saved as TorchScript: one batch of images in, one vector for each out.</summary>
public sealed class TorchScriptFeatures : IFeatureNetwork
{
    private const string HowToExport = "Save the network in evaluation mode with torch.jit.trace(network, example).save(FILE) or torch.jit.script(network).save(FILE).";
    private const int LargestDimension = 1 << 14;

    private readonly string path;
    private readonly torch.jit.ScriptModule module;
    private readonly FeatureInput input;
    private readonly Device device;
    private FeatureSpace? space;

    private TorchScriptFeatures(string path, torch.jit.ScriptModule module, FeatureInput input, Device device, string hash)
    {
        this.path = path;
        this.module = module;
        this.input = input;
        this.device = device;
        Hash = hash;
    }

    /// <summary>SHA-256 (hex) of the file.</summary>
    public string Hash { get; }

    /// <inheritdoc/>
    public FeatureSpace Space => space ?? throw new InvalidOperationException("The width of the features is known after the first images.");

    /// <summary>Loads a network and asks it for the features of one grey image, so that what does not work is known before hours of sampling.</summary>
    /// <param name="path">The file.</param>
    /// <param name="input">How pixels reach it.</param>
    /// <param name="shape">Images it will be given.</param>
    /// <param name="device">Where it runs; null for the CPU.</param>
    /// <exception cref="ConfigurationException">The file is not there, is no TorchScript, or does not give one vector for each image.</exception>
    public static TorchScriptFeatures Load(string path, FeatureInput input, ImageShape shape, Device? device = null)
    {
        if (!File.Exists(path))
        {
            throw new ConfigurationException($"Feature network {path} does not exist. {HowToExport}");
        }

        string hash;
        using (var stream = File.OpenRead(path))
        {
            hash = Convert.ToHexStringLower(SHA256.HashData(stream));
        }

        TorchScriptFeatures? network = null;
        try
        {
            network = new TorchScriptFeatures(path, torch.jit.load(path, device ?? torch.CPU), input, device ?? torch.CPU, hash);
            network.module.eval();
            byte[] probe = new byte[2 * shape.Elements];
            probe.AsSpan().Fill(127);
            _ = network.Extract(probe, shape);
            return network;
        }
        catch (ExternalException e) when (network is null)
        {
            throw new ConfigurationException($"Feature network {path} is no TorchScript that this libtorch ({torch.__version__}) can load: {FirstLine(e)} {HowToExport}");
        }
        catch
        {
            network?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public float[] Extract(ReadOnlySpan<byte> pixels, ImageShape shape)
    {
        int count = pixels.Length / shape.Elements;
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        object result;
        try
        {
            result = module.call(input.Prepare(pixels, shape, device));
        }
        catch (ExternalException e)
        {
            throw new ConfigurationException($"Feature network {path} does not take {count} images of {shape} as '{input.Name}': {FirstLine(e)} Give it another input convention: {string.Join(", ", FeatureInput.All.Select(i => i.Name))}.");
        }

        // Some networks return [N, D, 1, 1].
        var features = result as Tensor ?? throw Refused($"returned {result?.GetType().Name ?? "nothing"}, not one tensor");
        long dimension = features.numel() / Math.Max(1, count);
        if (features.dim() < 2 || features.shape[0] != count || features.shape[1] != dimension || dimension is < 1 or > LargestDimension)
        {
            throw Refused($"gave a tensor of shape [{string.Join(", ", features.shape)}] for {count} images; [{count}, D] with D up to {LargestDimension} is needed");
        }

        if (space is not null && space.Dimension != dimension)
        {
            throw Refused($"gave {dimension} features to an image, {space.Dimension} before");
        }

        space ??= new FeatureSpace(Path.GetFileName(path), Hash, input.Name, (int)dimension);
        return features.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
    }

    /// <inheritdoc/>
    public void Dispose() => module.Dispose();

    private ConfigurationException Refused(string how) => new($"Feature network {path} {how}. Export the part of the network that ends in one vector for each image.");

    private static string FirstLine(Exception e) => e.Message.Split('\n')[0].TrimEnd('.') + ".";
}
