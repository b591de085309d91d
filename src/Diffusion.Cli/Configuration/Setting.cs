using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>A command-line option that sets one key of the configuration.</summary>
internal sealed class Setting
{
    private readonly Func<string, JsonNode?> read;

    private Setting(string name, string key, string description, string placeholder, Func<string, JsonNode?> read, string[] aliases)
    {
        Key = key;
        this.read = read;
        Option = new Option<string?>(name, aliases) { Description = $"{description} ({key})", HelpName = placeholder };
        Option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text)
            {
                try
                {
                    read(text);
                }
                catch (FormatException e)
                {
                    result.AddError($"{name}: {e.Message}");
                }
            }
        });
    }

    public string Key { get; }

    public Option<string?> Option { get; }

    public JsonNode? Value(ParseResult result) => result.GetValue(Option) is { } text ? read(text) : null;

    /// <summary>A number of images: <c>4096</c>, <c>128Ki</c>.</summary>
    public static Setting Images(string name, string key, string description, params string[] aliases) =>
        new(name, key, description, "NIMG", text => JsonValue.Create(ImageCount.Parse(text)), aliases);

    public static Setting Integer(string name, string key, string description, params string[] aliases) =>
        new(name, key, description, "INT", text => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? JsonValue.Create(value) : throw new FormatException($"'{text}' is no integer."), aliases);

    public static Setting Number(string name, string key, string description, params string[] aliases) =>
        new(name, key, description, "F", text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? JsonValue.Create(value) : throw new FormatException($"'{text}' is no number."), aliases);

    public static Setting Switch(string name, string key, string description, params string[] aliases) =>
        new(name, key, description, "BOOL", text => JsonValue.Create(Truth(text)), aliases);

    /// <summary>A switch that chooses between two values.</summary>
    public static Setting Either(string name, string key, string description, string whenTrue, string whenFalse) =>
        new(name, key, description, "BOOL", text => JsonValue.Create(Truth(text) ? whenTrue : whenFalse), []);

    /// <param name="choices">What the user writes, and what the file holds.</param>
    public static Setting Choice(string name, string key, string description, IReadOnlyDictionary<string, string> choices, params string[] aliases) =>
        new(name, key, description, string.Join('|', choices.Keys), text => choices.TryGetValue(text, out string? value) ? JsonValue.Create(value) : throw new FormatException($"'{text}' is unknown. {Suggestion.For(text, choices.Keys)}"), aliases);

    public static Setting Numbers(string name, string key, string description, params string[] aliases) =>
        new(name, key, description, "F,F,...", text => new JsonArray([.. text.Split(',').Select(t => double.TryParse(t, NumberStyles.Float, CultureInfo.InvariantCulture, out double v) ? JsonValue.Create(v) : throw new FormatException($"'{t}' is no number."))]), aliases);

    private static bool Truth(string text) => text.ToUpperInvariant() switch
    {
        "TRUE" or "1" or "YES" or "ON" => true,
        "FALSE" or "0" or "NO" or "OFF" => false,
        _ => throw new FormatException($"'{text}' is neither true nor false."),
    };
}
