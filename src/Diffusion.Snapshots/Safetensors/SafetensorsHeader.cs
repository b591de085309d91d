using System.Text;
using System.Text.Json;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>The JSON header of a safetensors file, parsed without trust in anything it says.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Bytes of the length field in front of the header.</summary>
    public const int LengthFieldSize = sizeof(ulong);

    /// <summary>The public readers' limit.</summary>
    public const long MaxLength = 100_000_000;

    public const string MetadataKey = "__metadata__";

    private const string NotOurs = "Fetch the file again or write it anew; it is not a whole safetensors file.";

    private readonly string path;
    private readonly long dataStart;
    private readonly long dataLength;

    private SafetensorsHeader(string path, long dataStart, long dataLength)
    {
        this.path = path;
        this.dataStart = dataStart;
        this.dataLength = dataLength;
    }

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Tensors in the order of their bytes.</summary>
    public List<TensorEntry> Tensors { get; } = [];

    /// <summary>Checks the length field against the file before anything of that size is allocated.</summary>
    public static int CheckLength(string path, ulong headerLength, long fileLength)
    {
        if (headerLength > MaxLength || (long)headerLength > fileLength - LengthFieldSize)
        {
            throw new DamagedFileException(path,
                $"its header claims {headerLength} bytes, the file has {fileLength} and headers have at most {MaxLength}", NotOurs);
        }

        return (int)headerLength;
    }

    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long fileLength)
    {
        long dataStart = LengthFieldSize + json.Length;
        var header = new SafetensorsHeader(path, dataStart, fileLength - dataStart);
        try
        {
            header.ReadTop(json);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or OverflowException or FormatException or DecoderFallbackException)
        {
            throw new DamagedFileException(path, $"its header is not the expected JSON ({failure.Message.TrimEnd('.')})", NotOurs, failure);
        }

        header.CheckCoverage();
        return header;
    }

    private void ReadTop(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        Expect(ref reader, JsonTokenType.StartObject);
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (NextProperty(ref reader, names, out string name))
        {
            if (name == MetadataKey)
            {
                ReadMetadata(ref reader);
            }
            else
            {
                Tensors.Add(ReadTensor(ref reader, name));
            }
        }

        if (reader.Read())
        {
            throw Fault("its header goes on after the closing brace");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject);
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (NextProperty(ref reader, names, out string name))
        {
            Expect(ref reader, JsonTokenType.String);
            Metadata.Add(name, reader.GetString()!);
        }
    }

    private TensorEntry ReadTensor(ref Utf8JsonReader reader, string tensor)
    {
        Expect(ref reader, JsonTokenType.StartObject);
        var names = new HashSet<string>(StringComparer.Ordinal);
        string? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        while (NextProperty(ref reader, names, out string name))
        {
            switch (name)
            {
                case "dtype":
                    Expect(ref reader, JsonTokenType.String);
                    type = reader.GetString();
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader);
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref reader);
                    break;
                default:
                    throw Fault($"tensor '{tensor}' has an unknown field '{name}'");
            }
        }

        if (type is null || shape is null || offsets is not [long begin, long end])
        {
            throw Fault($"tensor '{tensor}' lacks one of dtype, shape and two data_offsets");
        }

        return Checked(tensor, type, shape, begin, end);
    }

    private TensorEntry Checked(string tensor, string type, List<long> shape, long begin, long end)
    {
        if (!ElementTypes.TryParse(type, out var elementType))
        {
            throw Fault($"tensor '{tensor}' has the unknown element type '{type}'");
        }

        long bytes = new TensorSpec(tensor, elementType, shape).Length;
        if (begin > end || end > dataLength || end - begin != bytes)
        {
            throw Fault($"tensor '{tensor}' of {bytes} bytes claims the range {begin}…{end} of {dataLength} bytes of data");
        }

        return new TensorEntry(tensor, elementType, shape.AsReadOnly(), dataStart + begin, bytes);
    }

    /// <summary>The format allows neither overlaps nor holes, so every byte of the file has one meaning.</summary>
    private void CheckCoverage()
    {
        // A stable sort: empty tensors keep the header's order.
        var ordered = Tensors.OrderBy(tensor => tensor.Offset).ThenBy(tensor => tensor.Length > 0).ToList();
        long expected = dataStart;
        foreach (var tensor in ordered)
        {
            if (tensor.Offset != expected)
            {
                throw Fault($"tensor '{tensor.Name}' starts at data byte {tensor.Offset - dataStart}, the one before ends at {expected - dataStart}");
            }

            expected += tensor.Length;
        }

        if (expected != dataStart + dataLength)
        {
            throw Fault($"its tensors need {expected - dataStart} bytes of data and there are {dataLength}");
        }

        Tensors.Clear();
        Tensors.AddRange(ordered);
    }

    private bool NextProperty(ref Utf8JsonReader reader, HashSet<string> seen, out string name)
    {
        name = "";
        if (!reader.Read() || reader.TokenType == JsonTokenType.EndObject)
        {
            return false;
        }

        name = reader.GetString()!;
        return seen.Add(name) ? true : throw Fault($"its header names '{name}' twice");
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartArray);
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long number = reader.GetInt64();
            numbers.Add(number >= 0 ? number : throw Fault($"its header holds the negative number {number}"));
        }

        return numbers;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        if (!reader.Read() || reader.TokenType != type)
        {
            throw Fault($"its header has {reader.TokenType} where {type} belongs (header byte {reader.TokenStartIndex})");
        }
    }

    private DamagedFileException Fault(string fault) => new(path, fault, NotOurs);
}
