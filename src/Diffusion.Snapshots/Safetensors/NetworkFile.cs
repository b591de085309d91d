using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>All tensors of one network in a safetensors file, whoever wrote it: a snapshot of this program, or a published network's state dictionary.</summary>
public sealed class NetworkFile : IDisposable
{
    private const int ChunkElements = 1 << 20;

    private readonly SafetensorsFile file;
    private readonly Dictionary<string, TensorEntry> byName;

    private NetworkFile(SafetensorsFile file, string prefix)
    {
        this.file = file;
        byName = file.Tensors.ToDictionary(tensor => tensor.Name[prefix.Length..], StringComparer.Ordinal);
        Shapes = byName.ToDictionary(pair => pair.Key, pair => pair.Value.Shape, StringComparer.Ordinal);
    }

    /// <summary>The file's name.</summary>
    public string Path => file.Path;

    /// <summary>Shapes by name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">
    /// Names that the network gives its tensors. Where all names of the file begin with one more component (<c>ema.</c>, <c>module.</c>) than these, it is left out;
    /// a prefix that only some of them have stays.
    /// </param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="DamagedFileException">The header contradicts itself, or a tensor is no float.</exception>
    public static NetworkFile Open(string path, IReadOnlyCollection<string>? expected = null)
    {
        var file = SafetensorsFile.Open(path);
        try
        {
            if (file.Tensors.FirstOrDefault(tensor => !tensor.ElementType.IsFloat()) is { } other)
            {
                throw new DamagedFileException(path, $"its tensor '{other.Name}' is {other.ElementType.HeaderName()}, not F16, BF16, F32 or F64", "Save the network's weights and buffers alone, as floats.");
            }

            string[] names = [.. file.Tensors.Select(tensor => tensor.Name)];
            return new NetworkFile(file, expected is null ? "" : SurplusPrefix(names, expected));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Fills <paramref name="destination"/> with a tensor's values from element <paramref name="first"/> on.</summary>
    /// <param name="name">One of <see cref="Shapes"/>.</param>
    /// <param name="first">First element.</param>
    /// <param name="destination">Not longer than what is left of the tensor.</param>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    public void ReadFloat32(string name, long first, Span<float> destination) => file.ReadFloat32(byName[name], first, destination);

    /// <summary>
    /// SHA-256 (hex) of what the file's tensors mean to a network: names, shapes and values as float32, in the order of the names. The same for a file
    /// that stores them in another order, in a wider type, with other metadata or under a prefix that all names share.
    /// </summary>
    public string ContentId(CancellationToken cancellationToken = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int shared = SharedPrefix([.. file.Tensors.Select(tensor => tensor.Name)]).Length;
        float[] buffer = new float[ChunkElements];
        foreach (var tensor in file.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            string name = tensor.Name[shared..];
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{name.Length}:{name} [{string.Join(',', tensor.Shape)}]\n")));
            for (long done = 0; done < tensor.Count; done += ChunkElements)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var part = buffer.AsSpan(0, (int)Math.Min(ChunkElements, tensor.Count - done));
                file.ReadFloat32(tensor, done, part);
                hash.AppendData(MemoryMarshal.AsBytes(part));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();

    // Of all the whole components that the names have in common, the fewest that leave the most names known.
    private static string SurplusPrefix(string[] names, IReadOnlyCollection<string> expected)
    {
        var known = expected.ToHashSet(StringComparer.Ordinal);
        string shared = SharedPrefix(names);
        return Enumerable.Range(0, shared.Length + 1)
            .Where(length => length == 0 || shared[length - 1] == '.')
            .Select(length => shared[..length])
            .MaxBy(prefix => names.Count(name => known.Contains(name[prefix.Length..])))!;
    }

    private static string SharedPrefix(string[] names)
    {
        if (names.Length == 0)
        {
            return "";
        }

        string first = names.Min(StringComparer.Ordinal)!;
        int common = first.AsSpan().CommonPrefixLength(names.Max(StringComparer.Ordinal));
        return first[..(first.AsSpan(0, common).LastIndexOf('.') + 1)];
    }
}
