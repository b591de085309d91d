using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Diffusion.Contracts.Configuration;

/// <summary>A part chosen by name (network, preconditioning, noise, loss, sampler) with the options that only the part itself knows.</summary>
/// <remarks>On disk one flat object: <c>{ "kind": "edm2-unet", "modelChannels": 32 }</c>. The options are read by the part's own record, with <see cref="StrictJson"/>, so that adding a part touches one folder.</remarks>
[JsonConverter(typeof(ComponentConfigConverter))]
public sealed record ComponentConfig
{
    /// <summary>The part's registered name.</summary>
    public required string Kind { get; init; }

    /// <summary>The part's options; absent ones have the part's defaults.</summary>
    public JsonObject Options { get; init; } = [];

    /// <summary>A part with options taken from a record; only what differs from the record's defaults needs to be in it.</summary>
    public static ComponentConfig Of(string kind, params (string Name, JsonNode? Value)[] options)
    {
        var json = new JsonObject();
        foreach (var (name, value) in options)
        {
            json[name] = value;
        }

        return new ComponentConfig { Kind = kind, Options = json };
    }

    /// <summary>The options as the part's own record; unknown keys and wrong types are reported with their path.</summary>
    /// <exception cref="ConfigurationException">An option is unknown or has the wrong type.</exception>
    public T Read<T>(string path)
        where T : class => StrictJson.Read<T>(Options, path);

    /// <summary>The same part with one option set; the others are kept.</summary>
    public ComponentConfig With(string name, JsonNode? value)
    {
        var options = (JsonObject)Options.DeepClone();
        options[name] = value;
        return this with { Options = options };
    }

    /// <inheritdoc/>
    public bool Equals(ComponentConfig? other) => other is not null && Kind == other.Kind && JsonNode.DeepEquals(Options, other.Options);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Kind, Options.Count);
}

internal sealed class ComponentConfigConverter : JsonConverter<ComponentConfig>
{
    public override ComponentConfig Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (JsonNode.Parse(ref reader) is not JsonObject json || json["kind"] is not JsonValue kind || kind.GetValueKind() != JsonValueKind.String)
        {
            throw new JsonException("must be an object with a \"kind\", e.g. { \"kind\": \"edm2-unet\" }");
        }

        json.Remove("kind");
        return new ComponentConfig { Kind = kind.GetValue<string>(), Options = json };
    }

    public override void Write(Utf8JsonWriter writer, ComponentConfig value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        writer.WriteString("kind", value.Kind);
        foreach (var (name, node) in value.Options)
        {
            writer.WritePropertyName(name);
            if (node is null)
            {
                writer.WriteNullValue();
            }
            else
            {
                node.WriteTo(writer, options);
            }
        }

        writer.WriteEndObject();
    }
}
