using System.Buffers;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Scores;
using MessagePack;

namespace Diffusion.Serving.Evaluations;

/// <summary>Entries of the queue's journal as MessagePack: an array of kind and fields. Kinds are never reused; fields are only appended.</summary>
internal static class QueueCodec
{
    private const string Remedy = "Use the program version that wrote it, or delete it: what is queued is lost then, scores are not.";

    private enum Kind
    {
        JobQueued = 1,
        PartRecorded = 2,
        PartsForgotten = 3,
        FailureRecorded = 4,
        JobEnded = 5,
    }

    public static byte[] Encode(QueueEntry entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        switch (entry)
        {
            case JobQueued e:
                Begin(ref writer, Kind.JobQueued, e, 1);
                writer.Write(StrictJson.Write(e.Job));
                break;
            case PartRecorded e:
                Begin(ref writer, Kind.PartRecorded, e, 3);
                writer.Write(e.Part);
                writer.Write(e.Numerics);
                writer.Write(e.Digest);
                break;
            case PartsForgotten e:
                Begin(ref writer, Kind.PartsForgotten, e, 1);
                writer.WriteArrayHeader(e.Parts.Count);
                foreach (int part in e.Parts)
                {
                    writer.Write(part);
                }

                break;
            case FailureRecorded e:
                Begin(ref writer, Kind.FailureRecorded, e, 1);
                writer.Write(e.Part);
                break;
            case JobEnded e:
                Begin(ref writer, Kind.JobEnded, e, 4);
                writer.Write((int)e.Phase);
                writer.Write(e.Reason);
                writer.WriteArrayHeader(e.Scores.Count);
                foreach (var score in e.Scores)
                {
                    writer.Write(ScoreRecord.Encode(score));
                }

                writer.WriteArrayHeader(e.Remarks.Count);
                foreach (string remark in e.Remarks)
                {
                    writer.Write(remark);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(entry), entry, "The journal has no record of this kind.");
        }

        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    public static QueueEntry Decode(ReadOnlyMemory<byte> record, string path)
    {
        try
        {
            var reader = new MessagePackReader(record);
            reader.ReadArrayHeader();
            var kind = (Kind)reader.ReadInt32();
            string key = Text(ref reader);
            return kind switch
            {
                Kind.JobQueued => new JobQueued(key, StrictJson.Parse<EvaluationJob>(Text(ref reader), path)),
                Kind.PartRecorded => new PartRecorded(key, reader.ReadInt32(), Text(ref reader), Text(ref reader)),
                Kind.PartsForgotten => new PartsForgotten(key, Numbers(ref reader)),
                Kind.FailureRecorded => new FailureRecorded(key, reader.ReadInt32()),
                Kind.JobEnded => new JobEnded(key, (JobPhase)reader.ReadInt32(), Text(ref reader), Scores(ref reader, path), Texts(ref reader)),
                _ => throw new DamagedFileException(path, $"it holds a record of kind {(int)kind}, which this version does not know", Remedy),
            };
        }
        catch (Exception failure) when (failure is MessagePackSerializationException or EndOfStreamException or OverflowException or ArgumentException or ConfigurationException)
        {
            throw new DamagedFileException(path, $"it holds what is no record of a queue: {failure.Message.TrimEnd('.')}", Remedy, failure);
        }
    }

    private static void Begin(ref MessagePackWriter writer, Kind kind, QueueEntry entry, int fields)
    {
        writer.WriteArrayHeader(fields + 2);
        writer.Write((int)kind);
        writer.Write(entry.Key);
    }

    private static string Text(ref MessagePackReader reader) => reader.ReadString() ?? throw new ArgumentException("a text is missing");

    private static int[] Numbers(ref MessagePackReader reader)
    {
        int[] values = new int[reader.ReadArrayHeader()];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = reader.ReadInt32();
        }

        return values;
    }

    private static string[] Texts(ref MessagePackReader reader)
    {
        string[] values = new string[reader.ReadArrayHeader()];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Text(ref reader);
        }

        return values;
    }

    private static Score[] Scores(ref MessagePackReader reader, string path)
    {
        var scores = new Score[reader.ReadArrayHeader()];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = ScoreRecord.Decode(reader.ReadBytes()?.ToArray() ?? throw new ArgumentException("a score is missing"), path);
        }

        return scores;
    }
}
