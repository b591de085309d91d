using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli;

/// <summary>Where a run keeps what.</summary>
internal sealed class RunDirectory(string path)
{
    public const string DefaultParent = "runs";

    public string Path { get; } = System.IO.Path.GetFullPath(path);

    public string Name => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(Path));

    public string ConfigFile => In("run.json");

    public string CoordinatorFile => In("coordinator.json");

    public string MetricsFile => In("metrics.jsonl");

    public string Snapshots => In("snapshots");

    public string Checkpoints => In("checkpoints");

    public string Report => In("report");

    public string Logs => In("logs");

    /// <summary>The directory as a user would type it from here.</summary>
    public string Shown
    {
        get
        {
            string relative = System.IO.Path.GetRelativePath(Environment.CurrentDirectory, Path);
            return relative.StartsWith("..", StringComparison.Ordinal) ? Path : relative;
        }
    }

    /// <summary>The saved configuration, or null where no run was started.</summary>
    /// <exception cref="ConfigurationException">It cannot be read.</exception>
    public RunConfig? SavedConfig() => File.Exists(ConfigFile) ? StrictJson.Parse<RunConfig>(File.ReadAllText(ConfigFile), ConfigFile) : null;

    /// <summary>The saved configuration of a directory that must hold a run.</summary>
    /// <exception cref="ConfigurationException">It holds none.</exception>
    public RunConfig RequiredConfig() => SavedConfig() ?? throw new ConfigurationException($"{Shown} holds no run: there is no run.json. {Others()}");

    /// <summary>Refuses a directory that holds a run of another configuration, naming every key that differs.</summary>
    /// <exception cref="ConfigurationException">It does.</exception>
    public void RequireSame(RunConfig asked)
    {
        if (SavedConfig() is not { } saved || saved.Digest() == asked.Digest())
        {
            return;
        }

        var before = Configuration.RunConfigOptions.Flatten(saved).ToDictionary();
        var after = Configuration.RunConfigOptions.Flatten(asked).ToDictionary();
        var differences = before.Keys.Union(after.Keys)
            .Where(k => !k.EndsWith(".path", StringComparison.Ordinal) && before.GetValueOrDefault(k) != after.GetValueOrDefault(k))
            .Select(k => $"{k} is {before.GetValueOrDefault(k, "not set")} there, {after.GetValueOrDefault(k, "not set")} was asked for");
        throw new ConfigurationException($"{Shown} holds a run of another configuration: {string.Join("; ", differences)}. Continue it as it is with 'resume {Shown}', or start this one under another --name.");
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);

    private static string Others()
    {
        var others = Directory.Exists(DefaultParent) ? Directory.GetFiles(DefaultParent, "run.json", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 1 }) : [];
        return others.Length > 0 ? $"Runs here: {string.Join(", ", others.Select(System.IO.Path.GetDirectoryName))}." : "Start one with 'diffusion train'.";
    }
}
