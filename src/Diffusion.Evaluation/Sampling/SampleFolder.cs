using System.Globalization;
using System.Security.Cryptography;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Sampling;

/// <summary>What decides how the image of a seed looks. Two jobs that are equal draw the same files.</summary>
public sealed record SampleJob
{
    /// <summary>SHA-256 of the network's file.</summary>
    public required string Network { get; init; }

    /// <summary>SHA-256 of the guiding network's file; null without one.</summary>
    public string? Guide { get; init; }

    /// <summary>SHA-256 of the autoencoder's file; null for networks on pixels.</summary>
    public string? Autoencoder { get; init; }

    /// <summary>Sampler with all options.</summary>
    public required ComponentConfig Sampler { get; init; }

    /// <summary>Class of every image; null for the one its seed draws.</summary>
    public int? Class { get; init; }

    /// <summary>The digest by which a file is known.</summary>
    /// <param name="path">Snapshot, or any other file.</param>
    public static string DigestOf(string path)
    {
        if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            using var file = SafetensorsFile.Open(path);
            if (file.RecordedDigest is { } recorded)
            {
                return recorded.DataSha256;
            }
        }

        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}

/// <summary>
/// One PNG per seed, drawn by any number of processes of any number of boxes, stopped and resumed as often as needed: an image appears whole or not at all,
/// and <c>samples.json</c> says which job the images belong to.
/// </summary>
public sealed class SampleFolder
{
    /// <summary>File that holds the <see cref="SampleJob"/>.</summary>
    public const string RecordName = "samples.json";

    private const int SeedsPerDirectory = 1000;
    private readonly bool subdirectories;

    private SampleFolder(string path, bool subdirectories)
    {
        Path = path;
        this.subdirectories = subdirectories;
    }

    // Type and checksum of the last chunk of every PNG.
    private static ReadOnlySpan<byte> PngEnd => [(byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xae, 0x42, 0x60, 0x82];

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Opens a folder for a job; creates it if it is not there.</summary>
    /// <param name="path">Folder.</param>
    /// <param name="job">The job.</param>
    /// <param name="subdirectories">A folder per 1000 seeds.</param>
    /// <exception cref="ConfigurationException">It holds images of another job, or of unknown origin.</exception>
    public static SampleFolder Open(string path, SampleJob job, bool subdirectories)
    {
        string record = System.IO.Path.Combine(path, RecordName);
        if (!File.Exists(record))
        {
            if (Directory.Exists(path) && Directory.EnumerateFiles(path, "*.png", SearchOption.AllDirectories).Any())
            {
                throw new ConfigurationException($"{path} holds images, but no {RecordName} that says which network drew them. Give an empty folder.");
            }

            Directory.CreateDirectory(path);
            WriteOnce(record, System.Text.Encoding.UTF8.GetBytes(StrictJson.Write(job)));
        }

        var found = StrictJson.Parse<SampleJob>(File.ReadAllText(record), record);
        string[] differences = [.. Differences(found, job)];
        return differences.Length == 0
            ? new SampleFolder(path, subdirectories)
            : throw new ConfigurationException($"{path} holds images of another job: {string.Join(", ", differences)}. Give another folder, or delete this one.");
    }

    /// <summary>Where the image of a seed is or will be.</summary>
    /// <param name="seed">Seed.</param>
    public string PathOf(long seed)
    {
        string folder = subdirectories ? System.IO.Path.Combine(Path, (seed / SeedsPerDirectory * SeedsPerDirectory).ToString("D6", CultureInfo.InvariantCulture)) : Path;
        return System.IO.Path.Combine(folder, seed.ToString("D6", CultureInfo.InvariantCulture) + ".png");
    }

    /// <summary>The seeds whose images are not there yet, or were cut off.</summary>
    /// <param name="seeds">Seeds of the job.</param>
    public IReadOnlyList<long> Missing(IReadOnlyList<long> seeds) => [.. seeds.Where(seed => !IsWhole(PathOf(seed)))];

    /// <summary>Writes the image of a seed; it appears whole or not at all.</summary>
    /// <param name="seed">Seed.</param>
    /// <param name="png">The file.</param>
    public void Write(long seed, ReadOnlySpan<byte> png)
    {
        string path = PathOf(seed);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);

        // Named by seed and process: two processes that draw the same image by mistake do not meet in one file.
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        File.WriteAllBytes(temporary, png);
        File.Move(temporary, path, overwrite: true);
    }

    // Without a flush after every image, a power failure may leave names of empty files.
    private static bool IsWhole(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        using var file = File.OpenRead(path);
        Span<byte> end = stackalloc byte[8];
        if (file.Length < end.Length)
        {
            return false;
        }

        file.Seek(-end.Length, SeekOrigin.End);
        file.ReadExactly(end);
        return end.SequenceEqual(PngEnd);
    }

    private static IEnumerable<string> Differences(SampleJob there, SampleJob asked)
    {
        if (there.Network != asked.Network)
        {
            yield return $"its network has SHA-256 {Short(there.Network)}, --net has {Short(asked.Network)}";
        }

        if (there.Guide != asked.Guide)
        {
            yield return $"its guiding network has SHA-256 {Short(there.Guide)}, --gnet has {Short(asked.Guide)}";
        }

        if (there.Autoencoder != asked.Autoencoder)
        {
            yield return $"its autoencoder has SHA-256 {Short(there.Autoencoder)}, --vae has {Short(asked.Autoencoder)}";
        }

        if (there.Class != asked.Class)
        {
            yield return $"its class is {there.Class?.ToString(CultureInfo.InvariantCulture) ?? "drawn"}, --class is {asked.Class?.ToString(CultureInfo.InvariantCulture) ?? "not given"}";
        }

        if (there.Sampler != asked.Sampler)
        {
            yield return $"its sampler is {there.Sampler.Kind} {there.Sampler.Options.ToJsonString()}, asked for is {asked.Sampler.Kind} {asked.Sampler.Options.ToJsonString()}";
        }
    }

    private static string Short(string? digest) => digest is null ? "none" : digest[..Math.Min(12, digest.Length)];

    // Whoever comes first writes the record; the others compare with it.
    private static void WriteOnce(string path, ReadOnlySpan<byte> content)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        File.WriteAllBytes(temporary, content);
        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
        }
    }
}
