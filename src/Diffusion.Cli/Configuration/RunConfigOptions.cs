using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>The options that say what to train. Later ones win: preset, file, named options, <c>--set</c>.</summary>
internal sealed partial class RunConfigOptions
{
    private readonly Option<string?> preset = new("--preset") { Description = "Start from a named configuration; 'diffusion info' lists them", HelpName = "NAME" };
    private readonly Option<string?> file = new("--config") { Description = "Configuration file (JSON), such as a run's run.json", HelpName = "FILE" };
    private readonly Option<string[]> set = new("--set") { Description = "Set any key, e.g. --set network.channelMult=[1,2]", HelpName = "KEY=VALUE", AllowMultipleArgumentsPerToken = false };
    private readonly Option<string?> data = new("--data") { Description = "Images to learn: folder or ZIP of images with class folders or dataset.json, CIFAR-10 or MNIST archive, packed folder (data.path)", HelpName = "PATH" };

    private readonly Option<string?> initialWeights = new("--init-from") { Description = "Weights to start from in place of drawn ones: a snapshot, or a published network's state dictionary as safetensors; only the worker that starts the run reads it (initialization.path)", HelpName = "FILE" };

    private readonly Option<bool> fast = new("--fast") { Description = "Add gradients up the cheaper way. Gives up the same bits for any number of workers and any failures: they then depend on how many ranks there are and on their shares (training.gradientSum=fast)" };

    // As the field writes them, and as the file does.
    private static readonly Dictionary<string, string> Precisions = Enum.GetNames<ComputePrecision>().ToDictionary(n => n.ToLowerInvariant(), JsonNamingPolicy.KebabCaseLower.ConvertName);

    private readonly Setting[] settings =
    [
        Setting.Switch("--cond", "data.classConditional", "Class-conditional model"),
        Setting.Images("--held-out", "data.heldOut", "Images kept for measuring the loss"),
        Setting.Switch("--mirror", "data.mirror", "Add every image's mirror image"),
        Setting.Images("--duration", "training.durationImages", "Length of the run"),
        Setting.Images("--batch", "training.batchSize", "Global batch"),
        Setting.Images("--batch-gpu", "training.microBatchSize", "Largest forward pass; 0 for no limit"),
        Setting.Integer("--channels", "network.modelChannels", "Width of the network"),
        Setting.Number("--dropout", "network.dropout", "Dropout probability"),
        Setting.Number("--p-mean", "noise.mean", "Mean of the log noise level", "--P_mean"),
        Setting.Number("--p-std", "noise.std", "Standard deviation of the log noise level", "--P_std"),
        Setting.Number("--lr", "training.learningRate", "Reference learning rate"),
        Setting.Number("--decay", "training.decayBatches", "Batches after which the rate decays; 0 for none"),
        Setting.Images("--ramp-up", "training.rampUpImages", "Images over which the rate grows"),
        Setting.Either("--fp16", "training.precision", "Half precision, or single; --precision says more", Precisions["float16"], Precisions["float32"]),
        Setting.Choice("--precision", "training.precision", "Number format of the image path", Precisions),
        Setting.Switch("--tf32", "training.tf32", "Let GPUs round the factors of float32 products to ten bits of mantissa: faster, with errors of 1e-3 in place of 1e-7"),
        Setting.Number("--ls", "training.lossScale", "Loss scale"),
        Setting.Switch("--auto-ls", "training.automaticLossScale", "Find the loss scale by trial, beginning with --ls: for half precision"),
        Setting.Switch("--channels-last", "training.channelsLast", "Let GPUs keep the channels of a pixel side by side: faster in half precision"),
        Setting.Integer("--threads", "training.threadsPerRank", "CPU threads of a rank"),
        Setting.Images("--status", "training.statusImages", "Interval of metric lines"),
        Setting.Images("--snapshot", "training.snapshotImages", "Interval of EMA snapshots"),
        Setting.Images("--checkpoint", "training.checkpointImages", "Interval of checkpoints"),
        Setting.Numbers("--ema", "averaging.relativeStds", "EMA lengths to track"),
        Setting.Integer("--shards", "shards", "Data shards, a power of two"),
        Setting.Integer("--seed", "seed", "Seed"),
    ];

    public void AddTo(Command command)
    {
        command.Add(preset);
        command.Add(file);
        command.Add(data);
        command.Add(initialWeights);
        command.Add(fast);
        foreach (var setting in settings)
        {
            command.Add(setting.Option);
        }

        command.Add(set);
    }

    /// <summary>Name of the preset that was asked for, or null.</summary>
    public string? Preset(ParseResult result) => result.GetValue(preset);

    /// <summary>The configuration asked for, not yet checked.</summary>
    /// <param name="result">The command line.</param>
    /// <param name="fallback">What to start from when neither preset nor file is given; null for the default preset.</param>
    /// <exception cref="ConfigurationException">A preset, key or value is unknown.</exception>
    public RunConfig Read(ParseResult result, RunConfig? fallback = null)
    {
        string? path = result.GetValue(file);
        string? name = result.GetValue(preset);
        var start = name is not null ? RunPresets.Get(name) : path is not null ? new RunConfig() : fallback ?? RunPresets.Get(RunPresets.Default);
        var json = (JsonObject)JsonSerializer.SerializeToNode(start, StrictJson.Options)!;
        if (path is not null)
        {
            Overlay(json, ReadFile(path));
        }

        foreach (var setting in settings)
        {
            if (setting.Value(result) is { } value)
            {
                Put(json, setting.Key, value);
            }
        }

        if (result.GetValue(data) is { } dataPath)
        {
            Put(json, "data.path", Path.GetFullPath(dataPath));
        }

        if (result.GetValue(initialWeights) is { } weights)
        {
            json["initialization"] = new JsonObject { ["path"] = Path.GetFullPath(weights) };
        }

        if (result.GetValue(fast))
        {
            Put(json, "training.gradientSum", "fast");
        }

        foreach (string assignment in result.GetValue(set) ?? [])
        {
            int equals = assignment.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
            {
                throw new ConfigurationException($"--set {assignment}: write KEY=VALUE, e.g. --set training.batchSize=64.");
            }

            Put(json, assignment[..equals], Value(assignment[(equals + 1)..]));
        }

        return StartingWeights.Identified(StrictJson.Read<RunConfig>(json));
    }

    /// <summary>A value of <c>--set</c>: JSON, a number of images with suffix, or else a text.</summary>
    internal static JsonNode? Value(string text)
    {
        if (ImagesWithSuffix().IsMatch(text))
        {
            return ImageCount.Parse(text);
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private static JsonObject ReadFile(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"--config {path} cannot be read: {e.Message}");
        }

        // Not read into the record yet: a file may change single options of a part that the preset names.
        try
        {
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject
                ?? throw new ConfigurationException($"--config {path} must hold one JSON object.");
        }
        catch (JsonException e)
        {
            throw new ConfigurationException($"--config {path} is not valid JSON: {e.Message}");
        }
    }

    private static void Overlay(JsonObject target, JsonObject source)
    {
        foreach (var (key, value) in source)
        {
            // A part of another kind brings its own options; those of the former kind mean nothing to it.
            bool samePart = value is JsonObject part && target[key] is JsonObject old && (part["kind"] is null || part["kind"]!.ToString() == old["kind"]?.ToString());
            if (samePart)
            {
                Overlay((JsonObject)target[key]!, (JsonObject)value!);
            }
            else
            {
                target[key] = value?.DeepClone();
            }
        }
    }

    private static void Put(JsonObject json, string key, JsonNode? value)
    {
        string[] parts = key.Split('.');
        var at = json;
        foreach (string part in parts[..^1])
        {
            if (at[part] is not JsonObject inner)
            {
                throw new ConfigurationException($"{key}: {part} is no group of keys. {Suggestion.For(part, at.Where(p => p.Value is JsonObject).Select(p => p.Key))}");
            }

            at = inner;
        }

        at[parts[^1]] = value;
    }

    /// <summary>Every key with its value, in order: <c>training.batchSize</c>, <c>32</c>.</summary>
    public static IEnumerable<(string Key, string Value)> Flatten(RunConfig config)
    {
        return Walk((JsonObject)JsonSerializer.SerializeToNode(config, StrictJson.Options)!, "");

        static IEnumerable<(string, string)> Walk(JsonObject json, string prefix) => json.SelectMany(p => p.Value is JsonObject inner
            ? Walk(inner, $"{prefix}{p.Key}.")
            : [($"{prefix}{p.Key}", Text(p.Key, p.Value))]);

        static string Text(string key, JsonNode? value) => value switch
        {
            null => "none",
            JsonValue v when key.EndsWith("Images", StringComparison.Ordinal) && v.TryGetValue(out long images) => images.ToString("N0", CultureInfo.InvariantCulture),
            JsonValue v when v.TryGetValue(out string? text) => text,
            _ => value.ToJsonString(),
        };
    }

    [GeneratedRegex("^[0-9]+(Ki|Mi|Gi)$")]
    private static partial Regex ImagesWithSuffix();
}
