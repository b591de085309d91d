using System.Runtime.InteropServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Encoding;

namespace Diffusion.Evaluation.Latents;

/// <summary>
/// The autoencoder between images and latents, as a TorchScript file that the user brings: a module with the methods
/// <c>encode</c> ([N, 3, H, W] in [0, 1] → [N, 8, H/8, W/8], four means and four standard deviations) and
/// <c>decode</c> ([N, 4, H/8, W/8] → [N, 3, H, W] in [0, 1]). No factor is applied on either side.
/// </summary>
/// <remarks>EDM2 used <c>stabilityai/sd-vae-ft-mse</c> (Karras et al., arXiv:2312.02696, Appendix D.1). Every result's shape and values are checked, because a file made for other software may differ in any of this.</remarks>
public sealed class ScriptedAutoencoder : IDisposable
{
    /// <summary>Image pixels along one side of a latent.</summary>
    public const int Factor = 8;

    /// <summary>Where one comes from, for messages and help texts.</summary>
    public const string HowToGet = "EDM2 used stabilityai/sd-vae-ft-mse; README.md, section Latents, has the lines of Python that write it as TorchScript.";

    private const int Channels = 4;

    // Decoding a latent of 64 x 64 takes over a gigabyte; as many at once as the published generator.
    private const int DecodeBatch = 4;

    private readonly torch.jit.ScriptModule module;
    private readonly Device device;

    private ScriptedAutoencoder(string path, torch.jit.ScriptModule module, Device device)
    {
        Path = path;
        this.module = module;
        this.device = device;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Loads an autoencoder in evaluation mode.</summary>
    /// <param name="path">TorchScript file; null or empty is refused with <see cref="HowToGet"/>.</param>
    /// <param name="device">Where to compute; null for the CPU.</param>
    /// <exception cref="ConfigurationException">None is given, the file is missing, or it is no TorchScript.</exception>
    public static ScriptedAutoencoder Load(string? path, Device? device = null)
    {
        if (string.IsNullOrEmpty(path))
        {
            throw new ConfigurationException($"Latents need an autoencoder: give --vae FILE. {HowToGet}");
        }

        if (!File.Exists(path))
        {
            throw new ConfigurationException($"--vae {path} does not exist. {HowToGet}");
        }

        try
        {
            var module = torch.jit.load(path, device ?? torch.CPU);
            module.eval();
            return new ScriptedAutoencoder(path, module, device ?? torch.CPU);
        }
        catch (ExternalException e)
        {
            throw new ConfigurationException($"--vae: {e.Message} {HowToGet}");
        }
    }

    /// <summary>Images to means and standard deviations.</summary>
    /// <param name="pixels">[N, 3, H, W], 8-bit; H and W multiples of <see cref="Factor"/>.</param>
    /// <returns>[N, 8, H/8, W/8] float32 on the CPU.</returns>
    /// <exception cref="ConfigurationException">The module computes something else.</exception>
    public Tensor Encode(Tensor pixels)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();

        // [0, 1], not [-1, 1]: what the published latents were made from.
        var images = pixels.to(device).to(ScalarType.Float32).div(255);
        var latents = Invoke("encode", images, [pixels.shape[0], 2 * Channels, pixels.shape[2] / Factor, pixels.shape[3] / Factor]);
        using var stds = latents.narrow(1, Channels, Channels);
        float smallest = stds.min().ToSingle();
        return smallest >= 0
            ? latents.MoveToOuterDisposeScope()
            : throw Wrong("encode", $"channels 4 to 7 hold {smallest:g4}, and a standard deviation is at least 0. Return the deviation, not its logarithm");
    }

    /// <summary>Latents of the autoencoder's own scale to pixels.</summary>
    /// <param name="latents">[N, 4, h, w].</param>
    /// <returns>[N, 3, 8h, 8w], 8-bit, on the CPU.</returns>
    /// <exception cref="ConfigurationException">The module computes something else.</exception>
    public Tensor Decode(Tensor latents)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var parts = latents.to(device).to(ScalarType.Float32).split(DecodeBatch, 0);
        return torch.cat([.. parts.Select(DecodePart)], 0).MoveToOuterDisposeScope();
    }

    /// <summary>Latents as a network sees them to pixels: undoes <see cref="LatentEncoder"/>'s scaling, then decodes.</summary>
    /// <inheritdoc cref="Decode(Tensor)"/>
    public Tensor DecodeImages(Tensor latents)
    {
        using var raw = LatentEncoder.Decode(latents);
        return Decode(raw);
    }

    /// <inheritdoc/>
    public void Dispose() => module.Dispose();

    private Tensor DecodePart(Tensor latents)
    {
        var images = Invoke("decode", latents, [latents.shape[0], 3, latents.shape[2] * Factor, latents.shape[3] * Factor]);
        return images.clamp(0, 1).mul(255).to(ScalarType.Byte);
    }

    private Tensor Invoke(string method, Tensor input, long[] expected)
    {
        object result;
        try
        {
            result = module.invoke(method, input);
        }
        catch (ExternalException e)
        {
            throw new ConfigurationException($"{Path} cannot {method} [{string.Join(", ", input.shape)}]: {e.Message} A traced module takes the sizes it was traced with. {HowToGet}");
        }

        if (result is not Tensor tensor)
        {
            throw Wrong(method, "it returns no tensor");
        }

        if (!tensor.shape.AsSpan().SequenceEqual(expected))
        {
            throw Wrong(method, $"from [{string.Join(", ", input.shape)}] it makes [{string.Join(", ", tensor.shape)}], not [{string.Join(", ", expected)}]");
        }

        var values = tensor.to(ScalarType.Float32).cpu().contiguous();
        return values.isfinite().all().ToBoolean() ? values : throw Wrong(method, "some of its results are not finite. If it computes in half precision, save it in single precision");
    }

    private ConfigurationException Wrong(string method, string how) => new($"{Path} does not {method} as EDM2's autoencoder does: {how}. {HowToGet}");
}
