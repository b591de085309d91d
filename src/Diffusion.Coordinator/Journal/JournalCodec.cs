using System.Buffers;
using System.Collections.Immutable;
using Diffusion.Coordinator.Run;
using MessagePack;

namespace Diffusion.Coordinator.Journal;

/// <summary>Journal entries as MessagePack: an array of kind and fields. Kinds are never reused; fields are only appended, so that an older journal stays readable.</summary>
internal static class JournalCodec
{
    private enum Kind
    {
        RunCreated = 1,
        CoordinatorStarted = 2,
        FingerprintFixed = 3,
        GenerationFormed = 4,
        GenerationOver = 5,
        WorkerGone = 6,
        SnapshotRecorded = 7,
        CheckpointRecorded = 8,
        ImagesCounted = 9,
        RunOver = 10,
    }

    public static byte[] Encode(JournalEntry entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        switch (entry)
        {
            case RunCreated e:
                Begin(ref writer, Kind.RunCreated, 2);
                writer.Write(e.RunId);
                writer.Write(e.ConfigDigest);
                break;
            case CoordinatorStarted e:
                Begin(ref writer, Kind.CoordinatorStarted, 1);
                writer.Write(e.Epoch);
                break;
            case FingerprintFixed e:
                Begin(ref writer, Kind.FingerprintFixed, 1);
                writer.WriteMapHeader(e.Fingerprint.Count);
                foreach (var (key, value) in e.Fingerprint)
                {
                    writer.Write(key);
                    writer.Write(value);
                }

                break;
            case GenerationFormed e:
                Begin(ref writer, Kind.GenerationFormed, 5);
                writer.Write(e.Plan.Number);
                writer.Write(e.Plan.WriterId);
                writer.Write(e.Plan.Reason);
                WritePlan(ref writer, e.Plan.Members);
                WriteMembers(ref writer, e.Members);
                break;
            case GenerationOver e:
                Begin(ref writer, Kind.GenerationOver, 3);
                writer.Write(e.Number);
                writer.Write(e.CompletedStep);
                writer.Write(e.Reason);
                break;
            case WorkerGone e:
                Begin(ref writer, Kind.WorkerGone, 3);
                writer.Write(e.WorkerId);
                writer.Write(e.Name);
                writer.Write(e.Reason);
                break;
            case SnapshotRecorded e:
                Begin(ref writer, Kind.SnapshotRecorded, 5);
                writer.Write(e.ImagesSeen);
                writer.Write(e.RelativeStd);
                writer.Write(e.FileName);
                writer.Write(e.Bytes);
                writer.Write(e.Sha256);
                break;
            case CheckpointRecorded e:
                Begin(ref writer, Kind.CheckpointRecorded, 3);
                writer.Write(e.ImagesSeen);
                writer.Write(e.Name);
                writer.Write(e.Bytes);
                break;
            case ImagesCounted e:
                Begin(ref writer, Kind.ImagesCounted, 1);
                writer.Write(e.ImagesSeen);
                break;
            case RunOver e:
                Begin(ref writer, Kind.RunOver, 2);
                writer.Write((int)e.Phase);
                writer.Write(e.Reason);
                break;
            default:
                throw new ArgumentException($"There is no journal format for {entry.GetType().Name}.", nameof(entry));
        }

        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    /// <exception cref="InvalidDataException">The record is whole (its checksum was right) and still not ours: another version wrote it.</exception>
    public static JournalEntry Decode(ReadOnlyMemory<byte> record)
    {
        try
        {
            var reader = new MessagePackReader(record);
            int fields = reader.ReadArrayHeader();
            var kind = (Kind)reader.ReadInt32();
            return kind switch
            {
                Kind.RunCreated => new RunCreated(Text(ref reader), Text(ref reader)),
                Kind.CoordinatorStarted => new CoordinatorStarted(reader.ReadInt64()),
                Kind.FingerprintFixed => new FingerprintFixed(ReadFingerprint(ref reader)),
                Kind.GenerationFormed => ReadGeneration(ref reader),
                Kind.GenerationOver => new GenerationOver(reader.ReadInt64(), reader.ReadInt64(), Text(ref reader)),
                Kind.WorkerGone => new WorkerGone(Text(ref reader), Text(ref reader), Text(ref reader)),
                Kind.SnapshotRecorded => new SnapshotRecorded(reader.ReadInt64(), reader.ReadDouble(), Text(ref reader), reader.ReadInt64(), Text(ref reader)),
                Kind.CheckpointRecorded => new CheckpointRecorded(reader.ReadInt64(), Text(ref reader), reader.ReadInt64()),
                Kind.ImagesCounted => new ImagesCounted(reader.ReadInt64()),
                Kind.RunOver => new RunOver((RunPhase)reader.ReadInt32(), Text(ref reader)),
                _ => throw new InvalidDataException($"The journal holds an entry of unknown kind {(int)kind} with {fields} fields. A newer version of the program wrote it; use that version."),
            };
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException)
        {
            throw new InvalidDataException($"A journal record of {record.Length} bytes is no entry of this program: {e.Message} Use the version that wrote it, or begin a new run directory.", e);
        }
    }

    private static void Begin(ref MessagePackWriter writer, Kind kind, int fields)
    {
        writer.WriteArrayHeader(fields + 1);
        writer.Write((int)kind);
    }

    private static void WritePlan(ref MessagePackWriter writer, ImmutableArray<MemberPlan> members)
    {
        writer.WriteArrayHeader(members.Length);
        foreach (var member in members)
        {
            writer.WriteArrayHeader(4);
            writer.Write(member.WorkerId);
            writer.Write(member.Name);
            writer.Write(member.DataAddress);
            writer.WriteArrayHeader(member.Ranks.Length);
            foreach (var rank in member.Ranks)
            {
                writer.WriteArrayHeader(3);
                writer.Write(rank.Rank);
                writer.Write(rank.First);
                writer.Write(rank.End);
            }
        }
    }

    private static void WriteMembers(ref MessagePackWriter writer, ImmutableArray<MemberRecord> members)
    {
        writer.WriteArrayHeader(members.Length);
        foreach (var member in members)
        {
            writer.WriteArrayHeader(8);
            writer.Write(member.WorkerId);
            writer.Write(member.Name);
            writer.Write(member.Order);
            writer.Write(member.Ranks);
            writer.Write(member.DataAddress);
            writer.Write(member.SeesRunDirectory);
            writer.Write(member.ProcessId);
            writer.Write(member.Share);
        }
    }

    private static GenerationFormed ReadGeneration(ref MessagePackReader reader)
    {
        long number = reader.ReadInt64();
        string writerId = Text(ref reader);
        string reason = Text(ref reader);
        var plans = ImmutableArray.CreateBuilder<MemberPlan>();
        for (int left = reader.ReadArrayHeader(); left > 0; left--)
        {
            reader.ReadArrayHeader();
            string workerId = Text(ref reader);
            string name = Text(ref reader);
            string dataAddress = Text(ref reader);
            var ranks = ImmutableArray.CreateBuilder<RankShards>();
            for (int ranksLeft = reader.ReadArrayHeader(); ranksLeft > 0; ranksLeft--)
            {
                reader.ReadArrayHeader();
                ranks.Add(new RankShards(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32()));
            }

            plans.Add(new MemberPlan(workerId, name, dataAddress, ranks.ToImmutable()));
        }

        var members = ImmutableArray.CreateBuilder<MemberRecord>();
        for (int left = reader.ReadArrayHeader(); left > 0; left--)
        {
            int fields = reader.ReadArrayHeader();
            members.Add(new MemberRecord(
                Text(ref reader), Text(ref reader), reader.ReadInt64(), reader.ReadInt32(), Text(ref reader), reader.ReadBoolean(), reader.ReadInt32(), fields > 7 ? reader.ReadDouble() : 0));
        }

        return new GenerationFormed(new GenerationPlan(number, plans.ToImmutable(), writerId, reason), members.ToImmutable());
    }

    private static ImmutableSortedDictionary<string, string> ReadFingerprint(ref MessagePackReader reader)
    {
        var fingerprint = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        for (int left = reader.ReadMapHeader(); left > 0; left--)
        {
            string key = Text(ref reader);
            fingerprint[key] = Text(ref reader);
        }

        return fingerprint.ToImmutable();
    }

    private static string Text(ref MessagePackReader reader) => reader.ReadString() ?? "";
}
