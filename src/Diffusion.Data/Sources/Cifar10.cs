using System.Formats.Tar;
using System.IO.Compression;


namespace Diffusion.Data;

/// <summary>CIFAR-10's training set in its two published archives: 50,000 images of 3x32x32, ten classes.</summary>
internal static class Cifar10
{
    private const int Batches = 5;
    private static readonly ImageShape Shape = new(3, 32, 32);
    private static readonly string[] ClassNames = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    public static IImageSource OpenPickled(string path) => Open(path, number => $"data_batch_{number}", ReadPickled);

    public static IImageSource OpenBinary(string path) => Open(path, number => $"data_batch_{number}.bin", ReadBinary);

    private static ArrayImageSource Open(string path, Func<int, string> memberName, Func<byte[], string, (byte[] Pixels, long[] Labels)> read)
    {
        Dictionary<string, byte[]> members = ReadMembers(path, [.. Enumerable.Range(1, Batches).Select(memberName)]);
        var pixels = new MemoryStream();
        var labels = new List<long>();
        for (int number = 1; number <= Batches; number++)
        {
            string member = memberName(number);
            if (!members.TryGetValue(member, out byte[]? content))
            {
                throw new DatasetException($"{path} has no member {member}; the published archive has {memberName(1)} to {memberName(Batches)}. Download it again.");
            }

            (byte[] images, long[] classes) = read(content, $"{member} of {path}");
            if (images.Length == 0 || images.Length != classes.Length * Shape.Elements)
            {
                throw new DatasetException($"{member} of {path} holds {images.Length} bytes of pixels for {classes.Length} labels; {Shape.Elements} belong to each. Download it again.");
            }

            pixels.Write(images);
            labels.AddRange(classes);
        }

        return new ArrayImageSource("cifar-10", path, pixels.ToArray(), Shape, LabelTable.OfClasses([.. labels], ClassNames));
    }

    private static Dictionary<string, byte[]> ReadMembers(string path, IReadOnlyCollection<string> wanted)
    {
        const long LargestMember = 64 << 20;
        var members = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        try
        {
            using var tar = new TarReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
            while (members.Count < wanted.Count && tar.GetNextEntry() is { } entry)
            {
                string name = Path.GetFileName(entry.Name);
                if (entry.DataStream is null || !wanted.Contains(name))
                {
                    continue;
                }

                if (entry.Length > LargestMember)
                {
                    throw new DatasetException($"{name} of {path} claims {entry.Length} bytes; the published one has about 31 million. Download it again.");
                }

                byte[] content = new byte[entry.Length];
                entry.DataStream.ReadExactly(content);
                members[name] = content;
            }

            return members;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new DatasetException($"{path} is a damaged or truncated archive: {e.Message} Download it again.", e);
        }
    }

    private static (byte[] Pixels, long[] Labels) ReadBinary(byte[] content, string name)
    {
        int record = 1 + Shape.Elements;
        if (content.Length % record != 0)
        {
            throw new DatasetException($"{name} has {content.Length} bytes, no multiple of {record} (a label and {Shape} pixels). Download it again.");
        }

        int count = content.Length / record;
        byte[] pixels = new byte[count * Shape.Elements];
        long[] labels = new long[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = content[i * record];
            content.AsSpan((i * record) + 1, Shape.Elements).CopyTo(pixels.AsSpan(i * Shape.Elements));
        }

        return (pixels, labels);
    }

    private static (byte[] Pixels, long[] Labels) ReadPickled(byte[] content, string name)
    {
        var batch = new PickleReader(content, name).Read() as Dictionary<string, object?>;
        if (batch is null || batch.GetValueOrDefault("data") is not PickleReader.ByteArray data || batch.GetValueOrDefault("labels") is not List<object?> labels
            || labels.Any(label => label is not long))
        {
            throw new DatasetException($"{name} does not hold 'data' (an array of bytes) and 'labels' (a list of integers). Download it again.");
        }

        return (data.Bytes, [.. labels.Cast<long>()]);
    }

}
