using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Diffusion.Contracts.Configuration;

/// <summary>JSON in which an unknown key is an error that names the nearest known one.</summary>
public static class StrictJson
{
    /// <summary>camelCase names, comments and trailing commas allowed, numbers only as numbers.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNameCaseInsensitive = false,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary>Reads an object into a configuration record.</summary>
    /// <param name="json">The object.</param>
    /// <param name="path">Where the object stands, for messages: <c>training</c>, or empty at the root.</param>
    /// <exception cref="ConfigurationException">Keys are unknown (all of them are named), or a value has the wrong type.</exception>
    public static T Read<T>(JsonObject json, string path = "")
        where T : class
    {
        var problems = new List<string>();
        UnknownKeys(json, typeof(T), path, problems);
        if (problems.Count > 0)
        {
            throw new ConfigurationException(problems);
        }

        try
        {
            return json.Deserialize<T>(Options) ?? throw new ConfigurationException($"{(path.Length == 0 ? "The configuration" : path)} is null; an object is needed.");
        }
        catch (JsonException e)
        {
            string where = string.Join('.', new[] { path, e.Path?.TrimStart('$', '.') }.Where(p => !string.IsNullOrEmpty(p)));
            throw new ConfigurationException($"{where}: {FirstLine(e.Message)}");
        }
    }

    /// <summary>Parses text and reads it into a configuration record.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="source">What the text is, for messages: a file name.</param>
    /// <exception cref="ConfigurationException">The text is no JSON object, or does not fit the record.</exception>
    public static T Parse<T>(string text, string source)
        where T : class
    {
        JsonNode? node;
        try
        {
            node = JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        }
        catch (JsonException e)
        {
            throw new ConfigurationException($"{source} is not valid JSON: {FirstLine(e.Message)}");
        }

        return node is JsonObject json ? Read<T>(json) : throw new ConfigurationException($"{source} must hold one JSON object.");
    }

    /// <summary>The record as indented JSON, every value written out.</summary>
    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options) + "\n";

    private static void UnknownKeys(JsonObject json, Type type, string path, List<string> problems)
    {
        var known = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.SetMethod is not null)
            .ToDictionary(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name), p => p.PropertyType);
        foreach (var (key, value) in json)
        {
            string full = path.Length == 0 ? key : $"{path}.{key}";
            if (!known.TryGetValue(key, out var propertyType))
            {
                problems.Add($"{full} is not a known key. {Suggestion.For(key, known.Keys)}");
            }
            else if (value is JsonObject inner && propertyType.Namespace == typeof(RunConfig).Namespace && propertyType != typeof(ComponentConfig))
            {
                UnknownKeys(inner, propertyType, full, problems);
            }
        }
    }

    private static string FirstLine(string message) => message.Split(" Path:")[0].Split('\n')[0];
}
