using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Diffusion.Data.Tests;

/// <summary>The fixtures of tests/Golden; its README says what they are.</summary>
internal static class Golden
{
    public static string PathOf(string name) => Path.Combine(Root, "tests", "Golden", name);

    /// <summary>The repository, found upwards from the test assembly.</summary>
    public static string Root { get; } = FindRoot();

    public static JsonElement Json(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(PathOf(name)));
        return document.RootElement.Clone();
    }

    public static T[] Tensor<T>(string file, string tensor)
        where T : unmanaged
    {
        byte[] bytes = File.ReadAllBytes(PathOf(file));
        int headerBytes = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using JsonDocument header = JsonDocument.Parse(bytes.AsMemory(8, headerBytes));
        JsonElement range = header.RootElement.GetProperty(tensor).GetProperty("data_offsets");
        int start = 8 + headerBytes + range[0].GetInt32();
        return MemoryMarshal.Cast<byte, T>(bytes.AsSpan(start, 8 + headerBytes + range[1].GetInt32() - start)).ToArray();
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (Directory.Exists(Path.Combine(directory.FullName, "tests", "Golden")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"tests/Golden was not found above {AppContext.BaseDirectory}.");
    }
}
