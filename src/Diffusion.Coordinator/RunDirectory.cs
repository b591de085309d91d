using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Files;

namespace Diffusion.Coordinator;

/// <summary>The files by which a run directory says what it is and who works in it.</summary>
internal sealed class RunDirectory : IDisposable
{
    public const string ConfigFile = "run.json";
    public const string EndpointFile = "coordinator.json";
    public const string TokenFile = "run.token";

    /// <summary>Reconstructed weights, kept for those who ask again.</summary>
    public const string ServedFolder = "served";
    private const string LockFile = "coordinator.lock";

    private readonly FileStream hold;

    private RunDirectory(string path, FileStream hold)
    {
        Path = path;
        this.hold = hold;
    }

    public string Path { get; }

    /// <summary>Takes a directory for one coordinator. The lock goes with the process, however it ends.</summary>
    /// <exception cref="ConfigurationException">Another coordinator has it, or it belongs to a run of another configuration.</exception>
    public static RunDirectory Take(string path, RunConfig config)
    {
        string full = System.IO.Path.GetFullPath(path);
        foreach (string folder in new[] { full, System.IO.Path.Combine(full, "snapshots"), System.IO.Path.Combine(full, "checkpoints"), System.IO.Path.Combine(full, "logs") })
        {
            Directory.CreateDirectory(folder);
        }

        var directory = new RunDirectory(full, Lock(full));
        try
        {
            AtomicFile.RemoveLeftovers(full);
            directory.KeepConfig(config);
            return directory;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>The run's token, made at its first start.</summary>
    public string Token()
    {
        string file = In(TokenFile);
        if (!File.Exists(file))
        {
            AtomicFile.WriteAllBytes(file, Encoding.UTF8.GetBytes(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))));
        }

        return File.ReadAllText(file).Trim();
    }

    /// <summary>Where the last coordinator listened, if it left without tidying up; workers still look for it there.</summary>
    public int? LastPort()
    {
        try
        {
            return File.Exists(In(EndpointFile)) && JsonNode.Parse(File.ReadAllText(In(EndpointFile)))?["endpoint"]?.GetValue<string>() is { } endpoint && IPEndPoint.TryParse(endpoint, out var last)
                ? last.Port
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public void Announce(IPEndPoint endpoint, IPEndPoint? http, string runId, long epoch)
    {
        var json = new JsonObject
        {
            ["endpoint"] = endpoint.ToString(),
            ["http"] = http?.ToString(),
            ["processId"] = Environment.ProcessId,
            ["runId"] = runId,
            ["epoch"] = epoch,
        };
        AtomicFile.WriteAllBytes(In(EndpointFile), Encoding.UTF8.GetBytes(json.ToJsonString(StrictJson.Options) + "\n"));
    }

    public void Withdraw() => File.Delete(In(EndpointFile));

    public void Dispose() => hold.Dispose();

    private string In(string file) => System.IO.Path.Combine(Path, file);

    private static FileStream Lock(string path)
    {
        string file = System.IO.Path.Combine(path, LockFile);
        try
        {
            var stream = new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            stream.SetLength(0);
            stream.Write(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{Environment.ProcessId}\n")));
            stream.Flush();
            return stream;
        }
        catch (IOException e) when (File.Exists(file))
        {
            throw new ConfigurationException($"Another coordinator works in {path} ({e.Message}). Stop it first (diffusion stop {path}), or choose another run directory.");
        }
    }

    private void KeepConfig(RunConfig config)
    {
        string file = In(ConfigFile);
        if (!File.Exists(file))
        {
            AtomicFile.WriteAllBytes(file, Encoding.UTF8.GetBytes(StrictJson.Write(config)));
            return;
        }

        var there = StrictJson.Parse<RunConfig>(File.ReadAllText(file), file);
        if (there.Digest() != config.Digest())
        {
            throw new ConfigurationException(
                $"{Path} belongs to a run of another configuration: {string.Join("; ", Differences(there, config))}. Use that configuration to go on with it, or choose another run directory.");
        }
    }

    private static IEnumerable<string> Differences(RunConfig there, RunConfig here)
    {
        var before = Leaves(JsonNode.Parse(StrictJson.Write(there)), "").ToDictionary();
        var now = Leaves(JsonNode.Parse(StrictJson.Write(here)), "").ToDictionary();
        return from key in before.Keys.Union(now.Keys, StringComparer.Ordinal)
               where !key.EndsWith(".path", StringComparison.Ordinal)
               let old = before.GetValueOrDefault(key, "nothing")
               let asked = now.GetValueOrDefault(key, "nothing")
               where old != asked
               select $"{key} is {old} there, {asked} was asked for";
    }

    private static IEnumerable<KeyValuePair<string, string>> Leaves(JsonNode? node, string path) => node is JsonObject json
        ? json.SelectMany(pair => Leaves(pair.Value, path.Length == 0 ? pair.Key : $"{path}.{pair.Key}"))
        : [new(path, node?.ToJsonString() ?? "null")];
}
