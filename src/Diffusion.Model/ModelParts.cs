using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Model.Objectives;
using Diffusion.Model.Preconditioning;
using Diffusion.Model.Sampling;

namespace Diffusion.Model;

/// <summary>The parts of a model that are chosen by name. A new family adds its rows here and nowhere else.</summary>
public static class ModelParts
{
    /// <summary>The magnitude-preserving U-Net of EDM2; options <see cref="UNetOptions"/>.</summary>
    public const string Edm2UNet = "edm2-unet";

    /// <summary>EDM's scaling with a learned log variance; options <see cref="PreconditionerOptions"/>.</summary>
    public const string Edm2Preconditioning = "edm2";

    /// <summary>Noise levels of log-normal distribution; options <see cref="LogNormalOptions"/>.</summary>
    public const string LogNormalNoise = "log-normal";

    /// <summary>Weighted squared error under learned uncertainty; no options.</summary>
    public const string UncertaintyLoss = "edm2-uncertainty";

    /// <summary>Heun's method with optional churn and guidance; options <see cref="HeunOptions"/>.</summary>
    public const string HeunSampler = "edm2-heun";

    private static readonly Dictionary<string, Func<ModelOptions, Part<BackboneFactory>>> Backbones = new()
    {
        [Edm2UNet] = model =>
        {
            var options = model.Network.Read<UNetOptions>("network");
            return new(() => (registry, prefix) => new UNet(registry, prefix, options, model.Images), options.Problems(model.Images), options.Remarks(model.Images));
        },
    };

    private static readonly Dictionary<string, Func<ModelOptions, Part<Func<BackboneFactory, INetwork>>>> Preconditionings = new()
    {
        [Edm2Preconditioning] = model =>
        {
            var options = model.Preconditioning.Read<PreconditionerOptions>("preconditioning");
            return new(() => backbone => new Preconditioner(model, options, backbone), options.Problems());
        },
    };

    private static readonly Dictionary<string, Func<ComponentConfig, Part<INoiseDistribution>>> NoiseDistributions = new()
    {
        [LogNormalNoise] = config =>
        {
            var options = config.Read<LogNormalOptions>("noise");
            return new(() => new LogNormalNoise(options), options.Problems());
        },
    };

    private static readonly Dictionary<string, Func<ComponentConfig, Part<ILoss>>> Losses = new()
    {
        [UncertaintyLoss] = config =>
        {
            _ = config.Read<NoOptions>("loss");
            return new(() => new UncertaintyLoss());
        },
    };

    private static readonly Dictionary<string, Func<ComponentConfig, Part<ISampler>>> Samplers = new()
    {
        [HeunSampler] = config =>
        {
            var options = config.Read<HeunOptions>("sampler");
            return new(() => new HeunSampler(options), options.Problems());
        },
    };

    /// <summary>Builds a network without allocating its tensors; initialize it or load a state into it.</summary>
    /// <exception cref="ConfigurationException">A part is unknown or its options have problems; all are named.</exception>
    public static INetwork CreateNetwork(ModelOptions model)
    {
        var backbone = Find(Backbones, "network", model.Network.Kind)(model).Checked("network");
        var preconditioning = Find(Preconditionings, "preconditioning", model.Preconditioning.Kind)(model).Checked("preconditioning");
        return preconditioning.Create()(backbone.Create());
    }

    /// <summary>The distribution of training noise levels that was asked for.</summary>
    /// <exception cref="ConfigurationException">The part is unknown or its options have problems.</exception>
    public static INoiseDistribution CreateNoise(ComponentConfig config) => Find(NoiseDistributions, "noise", config.Kind)(config).Checked("noise").Create();

    /// <summary>The loss that was asked for.</summary>
    /// <exception cref="ConfigurationException">The part is unknown or its options have problems.</exception>
    public static ILoss CreateLoss(ComponentConfig config) => Find(Losses, "loss", config.Kind)(config).Checked("loss").Create();

    /// <summary>The sampler that was asked for.</summary>
    /// <exception cref="ConfigurationException">The part is unknown or its options have problems.</exception>
    public static ISampler CreateSampler(ComponentConfig config) => Find(Samplers, "sampler", config.Kind)(config).Checked("sampler").Create();

    /// <summary>Every problem with the named parts of a run, so that one edit of the file can fix them all.</summary>
    /// <param name="run">The run.</param>
    /// <param name="images">What its data set decides.</param>
    public static IEnumerable<string> Problems(RunConfig run, ImageShape images)
    {
        var model = ModelOptions.Of(run, images);
        return
        [
            .. ProblemsOf("network", () => Find(Backbones, "network", run.Network.Kind)(model)),
            .. ProblemsOf("preconditioning", () => Find(Preconditionings, "preconditioning", run.Preconditioning.Kind)(model)),
            .. ProblemsOf("noise", () => Find(NoiseDistributions, "noise", run.Noise.Kind)(run.Noise)),
            .. ProblemsOf("loss", () => Find(Losses, "loss", run.Loss.Kind)(run.Loss)),
            .. ProblemsOf("sampler", () => Find(Samplers, "sampler", run.Sampler.Kind)(run.Sampler)),
        ];
    }

    /// <summary>What a model does that its options may not lead one to expect.</summary>
    public static IEnumerable<string> Remarks(ModelOptions model) => Find(Backbones, "network", model.Network.Kind)(model).Remarks;

    private static IEnumerable<string> ProblemsOf<T>(string role, Func<Part<T>> find)
    {
        try
        {
            return find().ProblemsIn(role);
        }
        catch (ConfigurationException exception)
        {
            return exception.Problems;
        }
    }

    private static TValue Find<TValue>(Dictionary<string, TValue> rows, string role, string kind)
        => rows.TryGetValue(kind, out var row) ? row : throw new ConfigurationException($"{role}.kind is '{kind}', which is not known. Known: {string.Join(", ", rows.Keys)}.");

    private sealed record NoOptions;

    /// <summary>A part whose options have been read but perhaps not found sound.</summary>
    private sealed record Part<T>(Func<T> Create, IEnumerable<string> Problems, IEnumerable<string> Remarks)
    {
        public Part(Func<T> create, IEnumerable<string>? problems = null)
            : this(create, problems ?? [], [])
        {
        }

        public string[] ProblemsIn(string role) => [.. Problems.Select(problem => $"{role}: {problem}")];

        public Part<T> Checked(string role)
        {
            var problems = ProblemsIn(role);
            return problems.Length == 0 ? this : throw new ConfigurationException(problems);
        }
    }
}
