using System.Security.Cryptography;
using System.Text;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>The two digests a file carries in its own metadata, in lower-case hexadecimal.</summary>
/// <param name="DataSha256">SHA-256 of the data section: the weights, whatever the metadata say about them.</param>
/// <param name="ContentId">
/// SHA-256 of the length field and the header, with this very value read as zeros. As the header holds <paramref name="DataSha256"/>,
/// it identifies every byte of the file, at the price of one pass over the data.
/// </param>
public sealed record ContentDigest(string DataSha256, string ContentId)
{
    /// <summary>Metadata key of <see cref="DataSha256"/>.</summary>
    public const string DataKey = "data_sha256";

    /// <summary>Metadata key of <see cref="ContentId"/>.</summary>
    public const string ContentKey = "content_id";

    internal static readonly string Unset = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>Hash of the length field and the header, the value at <paramref name="contentIdAt"/> read as zeros.</summary>
    internal static string HashHeader(ReadOnlySpan<byte> prefixAndHeader, int contentIdAt)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(prefixAndHeader[..contentIdAt]);
        hash.AppendData(Encoding.ASCII.GetBytes(Unset));
        hash.AppendData(prefixAndHeader[(contentIdAt + Unset.Length)..]);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Where the value of a digest's key starts, or −1.</summary>
    internal static int Find(ReadOnlySpan<byte> header, string key)
    {
        byte[] pattern = Encoding.UTF8.GetBytes($"\"{key}\":\"");
        int at = header.IndexOf(pattern);
        int value = at + pattern.Length;
        return at >= 0 && value + Unset.Length <= header.Length ? value : -1;
    }

    internal static DamagedFileException Mismatch(string path, string what, string expected, string found) => new(path,
        $"the digest of its {what} is {found[..12]}…, recorded was {expected[..Math.Min(12, expected.Length)]}…",
        "Delete it and use an older one, or restore it from a copy.");
}
