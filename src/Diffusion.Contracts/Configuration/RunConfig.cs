using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Diffusion.Contracts.Configuration;

/// <summary>Everything that decides what a run computes; saved with the run, printed at its start, part of the handshake of every worker.</summary>
public sealed record RunConfig
{
    /// <summary>Seed of initial weights, image order, noise and dropout.</summary>
    /// <value>0.</value>
    public long Seed { get; init; }

    /// <summary>Number V of data shards: the unit of assignment to workers, of randomness and of the gradient's tree sum. A power of two.</summary>
    /// <value>8. More shards allow more workers and finer balance; each shard is at least one forward pass.</value>
    public int Shards { get; init; } = 8;

    /// <summary>The images.</summary>
    public DataConfig Data { get; init; } = new();

    /// <summary>The network.</summary>
    public ComponentConfig Network { get; init; } = ComponentConfig.Of("edm2-unet");

    /// <summary>The weights the run starts from; null for drawn ones.</summary>
    /// <value>null, and then not written, so that a run without has the digest it always had.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public InitializationConfig? Initialization { get; init; }

    /// <summary>Input and output scaling around the network, with the log-variance head.</summary>
    public ComponentConfig Preconditioning { get; init; } = ComponentConfig.Of("edm2");

    /// <summary>Distribution of training noise levels.</summary>
    public ComponentConfig Noise { get; init; } = ComponentConfig.Of("log-normal");

    /// <summary>The loss.</summary>
    public ComponentConfig Loss { get; init; } = ComponentConfig.Of("edm2-uncertainty");

    /// <summary>Sampler used for the grids that a run draws of itself.</summary>
    public ComponentConfig Sampler { get; init; } = ComponentConfig.Of("edm2-heun");

    /// <summary>Batch, duration, optimizer and intervals.</summary>
    public TrainingConfig Training { get; init; } = new();

    /// <summary>The weight averages that are tracked.</summary>
    public AveragingConfig Averaging { get; init; } = new();

    /// <summary>Every problem found, so that one edit of the file can fix them all. Options of named parts are checked by the parts.</summary>
    public IEnumerable<string> Problems()
    {
        if (Shards < 1 || (Shards & (Shards - 1)) != 0 || Shards > 4096)
        {
            yield return $"shards is {Shards}, not a power of two in 1...4096. Try {NearestPowerOfTwo(Shards)}.";
        }
        else if (Training.BatchSize % Shards != 0)
        {
            yield return $"training.batchSize is {Training.BatchSize}, not divisible by {Shards} shards. Try {Math.Max(1, (Training.BatchSize + Shards / 2) / Shards) * Shards}, or fewer shards.";
        }

        foreach (string problem in Data.Problems().Concat(Training.Problems()).Concat(Averaging.Problems()).Concat(Initialization?.Problems() ?? []))
        {
            yield return problem;
        }
    }

    /// <summary>The same run without the places that its files have on one box: what is computed, not from where.</summary>
    public RunConfig WithoutPaths() => this with
    {
        Data = Data with { Path = "" },
        Initialization = Initialization is null ? null : Initialization with { Path = "" },
    };

    /// <summary>SHA-256 (hex) of the canonical JSON: two processes with the same digest were asked for the same run.</summary>
    public string Digest() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(StrictJson.Write(WithoutPaths()))));

    /// <summary>Throws if there are problems.</summary>
    /// <exception cref="ConfigurationException">Naming them all.</exception>
    public RunConfig Checked()
    {
        var problems = Problems().ToArray();
        return problems.Length == 0 ? this : throw new ConfigurationException(problems);
    }

    private static int NearestPowerOfTwo(int value) => 1 << (int)Math.Round(Math.Log2(Math.Clamp(value, 1, 4096)));
}
