using System.Buffers.Binary;
using System.Text;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Safetensors;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Open_GoldenFile_ReadsHalvesAndSingles()
    {
        using var file = SafetensorsFile.Open(GoldenFiles.PathOf("phema_reconstruct_tiny.safetensors"));
        var weight = file.Entry("net0.layers.0.weight");
        Assert.Equal([8, 4], weight.Shape);
        Assert.Equal(ElementType.Float32, weight.ElementType);
        Assert.Equal(32, file.Float32("net0.layers.0.weight").Length);
        var half = file.Entry("network-snapshot-0000002-0.050.some_buffer");
        Assert.Equal((ElementType.Float16, 5L), (half.ElementType, half.Count));
        Assert.Equal(10, file.Bytes(half.Name).Length);
        Assert.Null(file.RecordedDigest);
        Assert.Contains("no digest", Assert.Throws<DamagedFileException>(() => file.Verify()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_AllFloatTypesEmptyAndScalar_ComeBack()
    {
        float[] values = [0, -0f, 1, -2.5f, 65504, 1e-7f, float.PositiveInfinity, 3.14159f];
        var types = new[] { ElementType.Float16, ElementType.BFloat16, ElementType.Float32, ElementType.Float64 };
        var tensors = types.Select(type => new TensorSpec("t." + type, type, [2, 4]))
            .Prepend(new TensorSpec("empty", ElementType.Float32, [0, 3])).Append(new TensorSpec("scalar", ElementType.Int64, [])).ToList();
        using (var writer = SafetensorsWriter.Create(directory["a.safetensors"], tensors, new Dictionary<string, string> { ["run \"x\""] = "σ\n" }))
        {
            foreach (var _ in types)
            {
                writer.WriteFloat32(values.AsSpan(0, 3));
                writer.WriteFloat32(values.AsSpan(3));
            }

            writer.Write(BitConverter.GetBytes(42L));
            writer.Complete();
        }

        using var file = SafetensorsFile.Open(directory["a.safetensors"]);
        Assert.Equal(tensors.Select(tensor => tensor.Name), file.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(values, file.Float32("t.Float32"));
        Assert.Equal(values, file.Float32("t.Float64"));
        Assert.Equal(values.Select(value => (float)(Half)value), file.Float32("t.Float16"));
        Assert.Equal([0, -0f, 1, -2.5f, 65536], file.Float32("t.BFloat16")[..5]);
        Assert.Equal(42, BinaryPrimitives.ReadInt64LittleEndian(file.Bytes("scalar")));
        Assert.Empty(file.Bytes("empty").ToArray());
        Assert.Equal("σ\n", file.Metadata["run \"x\""]);
        Assert.Equal(file.RecordedDigest, file.Verify());
        Assert.Equal(0, file.Tensors.First(tensor => tensor.Length > 0).Offset % 8);
        Assert.Equal(["a.safetensors"], directory.Names);
    }

    [Fact]
    public void Write_SameContentTwice_GivesTheSameBytes()
    {
        foreach (string name in new[] { "a", "b" })
        {
            WriteSmall(directory[name], name == "a"
                ? new() { ["one"] = "1", ["two"] = "2" }
                : new() { ["two"] = "2", ["one"] = "1" });
        }

        Assert.Equal(File.ReadAllBytes(directory["a"]), File.ReadAllBytes(directory["b"]));
    }

    [Fact]
    public void Complete_MissingValues_LeavesNothing()
    {
        using (var writer = SafetensorsWriter.Create(directory["a"], [new("x", ElementType.Float32, [4])], new Dictionary<string, string>()))
        {
            writer.WriteFloat32([1, 2]);
            Assert.Throws<InvalidOperationException>(() => writer.WriteFloat32([1, 2, 3]));
            Assert.Throws<InvalidOperationException>(() => writer.Complete());
        }

        Assert.Empty(directory.Names);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "twice")]
    [InlineData("""{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", 8, "element type 'F33'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "8 bytes claims the range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "there are 9")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "of 12 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "claims the range 8…0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "negative")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}}""", 8, "not the expected JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "lacks one of")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", 8, "unknown field 'x'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "the one before ends at 4")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[5,9]}}""", 9, "the one before ends at 4")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "Number where String")]
    [InlineData("""[1]""", 0, "StartArray where StartObject")]
    [InlineData("""{"a":""", 0, "not the expected JSON")]
    [InlineData("""{} {}""", 0, "not the expected JSON")]
    public void Open_HeaderThatLies_IsRefused(string header, int dataLength, string fault)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. new byte[dataLength]];
        File.WriteAllBytes(directory["bad"], file);
        var failure = Assert.Throws<DamagedFileException>(() => SafetensorsFile.Open(directory["bad"]));
        Assert.Contains(fault, failure.Message, StringComparison.Ordinal);
        Assert.Contains(directory["bad"], failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(100_000_001UL)]
    [InlineData(9UL)]
    public void Open_AbsurdHeaderLength_IsRefusedBeforeAllocating(ulong length)
    {
        File.WriteAllBytes(directory["bad"], [.. BitConverter.GetBytes(length), .. "{}      "u8]);
        Assert.Contains("header claims", Assert.Throws<DamagedFileException>(() => SafetensorsFile.Open(directory["bad"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_AnyFlippedByte_IsDetected()
    {
        WriteSmall(directory["a"], new() { ["sigma_rel"] = "0.05" });
        byte[] whole = File.ReadAllBytes(directory["a"]);
        for (int at = 0; at < whole.Length; at++)
        {
            byte[] flipped = [.. whole];
            flipped[at] ^= (byte)(1 << (at % 8));
            File.WriteAllBytes(directory["b"], flipped);
            Assert.Throws<DamagedFileException>(() => OpenAndVerify(directory["b"]));
        }
    }

    [Fact]
    public void Verify_AnyTruncation_IsDetected()
    {
        WriteSmall(directory["a"], []);
        byte[] whole = File.ReadAllBytes(directory["a"]);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(directory["b"], whole.AsSpan(0, length));
            Assert.Throws<DamagedFileException>(() => OpenAndVerify(directory["b"]));
        }
    }

    [Fact]
    public void FromFloat32_RandomBits_RoundsLikeHalf()
    {
        const int Seed = 20240711;
        var random = new Random(Seed);
        var values = new float[100_003];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            values[i] = float.IsNaN(values[i]) ? i : values[i];
        }

        var bytes = new byte[values.Length * 2];
        FloatConversion.FromFloat32(ElementType.Float16, values, bytes);
        var back = new float[values.Length];
        FloatConversion.ToFloat32(ElementType.Float16, bytes, back);
        Assert.True(values.Select(value => (float)(Half)value).SequenceEqual(back), $"seed {Seed}");
    }

    private static void OpenAndVerify(string path)
    {
        using var file = SafetensorsFile.Open(path);
        file.Verify();
    }

    private static void WriteSmall(string path, Dictionary<string, string> metadata)
    {
        using var writer = SafetensorsWriter.Create(path, [new("x", ElementType.Float16, [2, 3]), new("y", ElementType.Float32, [])], metadata);
        writer.WriteFloat32([1, 2, 3, 4, 5, 6]);
        writer.WriteFloat32([7]);
        writer.Complete();
    }
}
