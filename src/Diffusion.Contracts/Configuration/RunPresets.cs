namespace Diffusion.Contracts.Configuration;

/// <summary>Configurations by name: the rows of EDM2 (arXiv:2312.02696, Table 6) and small ones for small machines.</summary>
public static class RunPresets
{
    private const long Mi = 1 << 20;

    /// <summary>The preset that a run without arguments uses: ten classes of shapes at 16x16, a few minutes on two CPU cores.</summary>
    public const string Default = "shapes-16";

    /// <summary>Names, smallest first.</summary>
    public static IReadOnlyList<string> Names { get; } = [Default, "cifar10-32", .. Paper.Select(p => p.Name)];

    // Name, channels, duration in Mi images, learning rate, decay batches, dropout, P_mean, P_std.
    private static (string Name, int Channels, int DurationMi, double Rate, int Decay, double Dropout, double Mean, double Std)[] Paper =>
    [
        ("edm2-img512-xxs", 64, 2048, 0.0170, 70000, 0, -0.4, 1.0),
        ("edm2-img512-xs", 128, 2048, 0.0120, 70000, 0, -0.4, 1.0),
        ("edm2-img512-s", 192, 2048, 0.0100, 70000, 0, -0.4, 1.0),
        ("edm2-img512-m", 256, 2048, 0.0090, 70000, 0.10, -0.4, 1.0),
        ("edm2-img512-l", 320, 1792, 0.0080, 70000, 0.10, -0.4, 1.0),
        ("edm2-img512-xl", 384, 1280, 0.0070, 70000, 0.10, -0.4, 1.0),
        ("edm2-img512-xxl", 448, 896, 0.0065, 70000, 0.10, -0.4, 1.0),
        ("edm2-img64-xs", 128, 1024, 0.0120, 35000, 0, -0.8, 1.6),
        ("edm2-img64-s", 192, 1024, 0.0100, 35000, 0, -0.8, 1.6),
        ("edm2-img64-m", 256, 2048, 0.0090, 35000, 0.10, -0.8, 1.6),
        ("edm2-img64-l", 320, 1024, 0.0080, 35000, 0.10, -0.8, 1.6),
        ("edm2-img64-xl", 384, 640, 0.0070, 35000, 0.10, -0.8, 1.6),
    ];

    // Fréchet distances of arXiv:2312.02696, Tables 2 and 3: 32 deterministic steps, the best EMA length, the smallest of several sets of 50,000 images.
    private static readonly Dictionary<string, string> Published = new()
    {
        ["edm2-img512-xs"] = "FID 3.53, with guidance 2.91",
        ["edm2-img512-s"] = "FID 2.56, with guidance 2.23",
        ["edm2-img512-m"] = "FID 2.25, with guidance 2.01",
        ["edm2-img512-l"] = "FID 2.06, with guidance 1.88",
        ["edm2-img512-xl"] = "FID 1.96, with guidance 1.85",
        ["edm2-img512-xxl"] = "FID 1.91, with guidance 1.81",
        ["edm2-img64-s"] = "FID 1.58",
        ["edm2-img64-m"] = "FID 1.43",
        ["edm2-img64-l"] = "FID 1.33",
        ["edm2-img64-xl"] = "FID 1.33",
    };

    /// <summary>The result to expect of a preset on ImageNet, as published; null where none was.</summary>
    /// <param name="name">Name of the preset.</param>
    public static string? ExpectedMetric(string name) => Published.GetValueOrDefault(name);

    /// <summary>The preset of that name.</summary>
    /// <exception cref="ConfigurationException">There is none; the nearest name is suggested.</exception>
    public static RunConfig Get(string name)
    {
        switch (name)
        {
            case Default: return Shapes16;
            case "cifar10-32": return Cifar10;
        }

        foreach (var p in Paper)
        {
            if (p.Name == name)
            {
                return new RunConfig
                {
                    Shards = 32,
                    Network = ComponentConfig.Of("edm2-unet", ("modelChannels", p.Channels), ("dropout", p.Dropout)),
                    Noise = ComponentConfig.Of("log-normal", ("mean", p.Mean), ("std", p.Std)),
                    Training = new TrainingConfig { DurationImages = p.DurationMi * Mi, LearningRate = p.Rate, DecayBatches = p.Decay, Precision = ComputePrecision.Float16 },
                };
            }
        }

        throw new ConfigurationException($"There is no preset '{name}'. {Suggestion.For(name, Names)}");
    }

    /// <summary>16x16 images of ten shapes. About three minutes on two CPU cores.</summary>
    private static RunConfig Shapes16 => new()
    {
        Shards = 4,
        Data = new DataConfig { HeldOut = 320 },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 32), ("channelMult", new System.Text.Json.Nodes.JsonArray(1, 2)), ("numBlocks", 1), ("attnResolutions", new System.Text.Json.Nodes.JsonArray(8)), ("channelsPerHead", 32)),
        Noise = ComponentConfig.Of("log-normal", ("mean", -0.8), ("std", 1.4)),
        Sampler = ComponentConfig.Of("edm2-heun", ("steps", 18)),
        Training = new TrainingConfig
        {
            BatchSize = 32,
            DurationImages = 45_056,
            LearningRate = 0.02,
            DecayBatches = 1000,
            RampUpImages = 1000,
            StatusImages = 1024,
            SnapshotImages = 2816,
            CheckpointImages = 11_264,
        },
    };

    /// <summary>CIFAR-10 at 32x32, a network for one GPU or a patient CPU.</summary>
    private static RunConfig Cifar10 => new()
    {
        Shards = 8,
        Data = new DataConfig { HeldOut = 1000 },
        Network = ComponentConfig.Of("edm2-unet", ("modelChannels", 64), ("channelMult", new System.Text.Json.Nodes.JsonArray(1, 2, 2)), ("numBlocks", 2), ("attnResolutions", new System.Text.Json.Nodes.JsonArray(16, 8)), ("dropout", 0.1)),
        Noise = ComponentConfig.Of("log-normal", ("mean", -0.8), ("std", 1.4)),
        Sampler = ComponentConfig.Of("edm2-heun", ("steps", 18)),
        Training = new TrainingConfig
        {
            BatchSize = 128,
            DurationImages = 10_240_000,
            LearningRate = 0.012,
            DecayBatches = 10_000,
            RampUpImages = 100_096,
            StatusImages = 12_800,
            SnapshotImages = 102_400,
            CheckpointImages = 512_000,
        },
    };
}
