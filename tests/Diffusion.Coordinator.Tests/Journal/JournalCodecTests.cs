using Diffusion.Coordinator.Journal;
using Diffusion.Coordinator.Run;
using Diffusion.Coordinator.Tests.Run;
using MessagePack;

namespace Diffusion.Coordinator.Tests.Journal;

public sealed class JournalCodecTests
{
    private static readonly JournalEntry[] Entries =
    [
        new RunCreated("run-1", "digest"),
        new CoordinatorStarted(7),
        new FingerprintFixed(Scenario.Fingerprint()),
        new GenerationOver(3, 4, "why"),
        new WorkerGone("id", "name", "why"),
        new SnapshotRecorded(1000, 0.1, "file", 5, "sha"),
        new CheckpointRecorded(1000, "name", 5),
        new ImagesCounted(1L << 40),
        new RunOver(RunPhase.Stopped, "why"),
    ];

    [Fact]
    public void Decode_EveryEntry_IsWhatWasEncoded()
    {
        foreach (var entry in Entries)
        {
            var decoded = JournalCodec.Decode(JournalCodec.Encode(entry));
            if (entry is FingerprintFixed before)
            {
                Assert.Equal(before.Fingerprint, ((FingerprintFixed)decoded).Fingerprint);
            }
            else
            {
                Assert.Equal(entry, decoded);
            }
        }
    }

    [Fact]
    public void Decode_EncodedGeneration_IsTheGeneration()
    {
        var formed = new Scenario(workersToStart: 2).Training("a", "b").Journal.OfType<GenerationFormed>().Single();
        var decoded = (GenerationFormed)JournalCodec.Decode(JournalCodec.Encode(formed));

        Assert.Equal(formed.Members.AsEnumerable(), decoded.Members.AsEnumerable());
        Assert.Equal((formed.Plan.Number, formed.Plan.WriterId, formed.Plan.Reason), (decoded.Plan.Number, decoded.Plan.WriterId, decoded.Plan.Reason));
        Assert.Equal(formed.Plan.Members.SelectMany(member => member.Ranks), decoded.Plan.Members.SelectMany(member => member.Ranks));
        Assert.Equal(formed.Plan.Members.Select(member => member.WorkerId), decoded.Plan.Members.Select(member => member.WorkerId));
    }

    [Fact]
    public void Decode_EveryTruncation_IsRefused()
    {
        byte[] whole = JournalCodec.Encode(new Scenario().Training("a").Journal.OfType<GenerationFormed>().Single());
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.Throws<InvalidDataException>(() => JournalCodec.Decode(whole.AsMemory(0, length)));
        }
    }

    [Fact]
    public void Decode_UnknownKind_SaysThatANewerVersionWroteIt()
    {
        byte[] record = [0x92, 99, MessagePackCode.Nil];

        Assert.Contains("unknown kind 99", Assert.Throws<InvalidDataException>(() => JournalCodec.Decode(record)).Message, StringComparison.Ordinal);
    }
}
