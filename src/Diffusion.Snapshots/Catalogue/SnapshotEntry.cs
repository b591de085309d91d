using System.Buffers;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;
using MessagePack;

namespace Diffusion.Snapshots.Catalogue;

/// <summary>One line of the catalogue.</summary>
/// <param name="RunId">The run.</param>
/// <param name="ImagesSeen">Training time, in images.</param>
/// <param name="RelativeStd">σ_rel of the average.</param>
/// <param name="File">Name of the file in the catalogue's directory.</param>
/// <param name="ElementType">Type of the stored weights.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="ContentId">SHA-256 that identifies every byte of the file; see <see cref="ContentDigest.ContentId"/>.</param>
public sealed record SnapshotEntry(string RunId, long ImagesSeen, double RelativeStd, string File, ElementType ElementType, long Bytes, string ContentId)
{
    private const int FieldCount = 8;
    private const int Version = 1;

    internal static SnapshotEntry Of(SafetensorsFile file, SnapshotInfo info, ContentDigest digest) => new(
        info.RunId ?? "",
        info.ImagesSeen,
        info.RelativeStd,
        Path.GetFileName(file.Path),
        file.Tensors.FirstOrDefault(tensor => tensor.ElementType.IsFloat())?.ElementType ?? ElementType.Float16,
        file.FileLength,
        digest.ContentId);

    internal byte[] Encode()
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new MessagePackWriter(buffer);
        writer.WriteArrayHeader(FieldCount);
        writer.Write(Version);
        writer.Write(RunId);
        writer.Write(ImagesSeen);
        writer.Write(RelativeStd);
        writer.Write(File);
        writer.Write(ElementType.HeaderName());
        writer.Write(Bytes);
        writer.Write(Convert.FromHexString(ContentId));
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    internal static SnapshotEntry Decode(string path, int index, ReadOnlyMemory<byte> record)
    {
        try
        {
            var reader = new MessagePackReader(record);
            int fields = reader.ReadArrayHeader();
            int version = reader.ReadInt32();
            if (version != Version || fields != FieldCount)
            {
                throw Fault(path, index, $"version {version} with {fields} fields, expected version {Version} with {FieldCount}", null);
            }

            return DecodeFields(path, index, ref reader);
        }
        catch (Exception failure) when (failure is MessagePackSerializationException or EndOfStreamException)
        {
            throw Fault(path, index, failure.Message.TrimEnd('.'), failure);
        }
    }

    private static SnapshotEntry DecodeFields(string path, int index, ref MessagePackReader reader)
    {
        string run = reader.ReadString() ?? "";
        long images = reader.ReadInt64();
        double std = reader.ReadDouble();
        string file = reader.ReadString() ?? "";
        string? type = reader.ReadString();
        long bytes = reader.ReadInt64();
        byte[] contentId = reader.ReadBytes() is { } sequence ? sequence.ToArray() : [];
        return ElementTypes.TryParse(type, out var elementType)
            ? new SnapshotEntry(run, images, std, file, elementType, bytes, Convert.ToHexStringLower(contentId))
            : throw Fault(path, index, $"the unknown element type '{type}'", null);
    }

    private static DamagedFileException Fault(string path, int index, string what, Exception? cause)
        => new(path, $"record {index} is no catalogue entry: {what}", SnapshotCatalogue.RebuildRemedy, cause);
}
