using System.Buffers;
using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Files;
using MessagePack;

namespace Diffusion.Snapshots.Scores;

/// <summary>A score as one record of a journal, or of a message between processes.</summary>
public static class ScoreRecord
{
    private const int Version = 1;
    private const int FieldCount = 21;
    private const string Remedy = "Use the program version that wrote it; the snapshots themselves are not affected.";

    /// <summary>The score as bytes; equal scores have equal bytes.</summary>
    public static byte[] Encode(Score score)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        writer.WriteArrayHeader(FieldCount);
        writer.Write(Version);
        writer.Write(score.Metric);
        writer.Write(score.Value);
        Write(ref writer, score.StandardError);
        writer.Write(score.Count);
        Write(ref writer, score.Extrapolated);
        writer.Write(score.FirstSeed);
        writer.Write(score.ReferenceHash);
        writer.Write(score.Features?.Name);
        writer.Write(score.Features?.Hash);
        writer.Write(score.Features?.Input);
        writer.Write(score.Features?.Dimension ?? 0);
        writer.Write(score.Settings.Kind);
        writer.Write(score.Settings.Options.ToJsonString());
        writer.Write(score.GuideHash);
        writer.Write(score.RunId);
        writer.Write(score.ImagesSeen);
        writer.Write(score.RelativeStd);
        writer.Write(score.WeightsHash);
        writer.Write(score.MeasuredAt.UtcTicks);
        writer.Write(score.MeasuredAt.Offset.Ticks);
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    /// <param name="record">The bytes.</param>
    /// <param name="origin">Where they come from, for messages: a file.</param>
    /// <exception cref="DamagedFileException">They are no score, or one of another version.</exception>
    public static Score Decode(ReadOnlyMemory<byte> record, string origin)
    {
        try
        {
            var reader = new MessagePackReader(record);
            int fields = reader.ReadArrayHeader();
            int version = reader.ReadInt32();
            return version == Version && fields == FieldCount
                ? Fields(ref reader)
                : throw new DamagedFileException(origin, $"it holds a score of version {version} with {fields} fields, expected version {Version} with {FieldCount}", Remedy);
        }
        catch (Exception failure) when (failure is MessagePackSerializationException or EndOfStreamException or OverflowException or ArgumentException or System.Text.Json.JsonException)
        {
            throw new DamagedFileException(origin, $"it holds what is no score: {failure.Message.TrimEnd('.')}", Remedy, failure);
        }
    }

    private static Score Fields(ref MessagePackReader reader) => new()
    {
        Metric = Text(ref reader),
        Value = reader.ReadDouble(),
        StandardError = Number(ref reader),
        Count = reader.ReadInt64(),
        Extrapolated = Number(ref reader),
        FirstSeed = reader.ReadInt64(),
        ReferenceHash = Text(ref reader),
        Features = Features(reader.ReadString(), reader.ReadString(), reader.ReadString(), reader.ReadInt32()),
        Settings = new ComponentConfig { Kind = Text(ref reader), Options = JsonNode.Parse(Text(ref reader)) as JsonObject ?? throw new ArgumentException("its settings are no JSON object") },
        GuideHash = reader.ReadString(),
        RunId = Text(ref reader),
        ImagesSeen = reader.ReadInt64(),
        RelativeStd = reader.ReadDouble(),
        WeightsHash = reader.ReadString(),
        MeasuredAt = Time(reader.ReadInt64(), reader.ReadInt64()),
    };

    private static FeatureSpace? Features(string? name, string? hash, string? input, int dimension) =>
        hash is null ? null : new FeatureSpace(name ?? "", hash, input ?? "", dimension);

    private static DateTimeOffset Time(long utcTicks, long offsetTicks) => new DateTimeOffset(utcTicks, TimeSpan.Zero).ToOffset(TimeSpan.FromTicks(offsetTicks));

    private static string Text(ref MessagePackReader reader) => reader.ReadString() ?? throw new ArgumentException("a text is missing");

    private static void Write(ref MessagePackWriter writer, double? value)
    {
        if (value is { } number)
        {
            writer.Write(number);
        }
        else
        {
            writer.WriteNil();
        }
    }

    private static double? Number(ref MessagePackReader reader) => reader.TryReadNil() ? null : reader.ReadDouble();
}
