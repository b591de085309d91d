using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Snapshots.Files;

namespace Diffusion.Snapshots.Safetensors;

/// <summary>Checks a safetensors file against its digest while its bytes arrive in order, so that it need not be read again.</summary>
/// <param name="path">What to call it in messages.</param>
/// <param name="length">Bytes of the whole file.</param>
public sealed class ArrivingDigest(string path, long length) : IDisposable
{
    private readonly IncrementalHash data = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] header = new byte[SafetensorsHeader.LengthFieldSize];
    private int headerFilled;

    /// <summary>Takes the next bytes.</summary>
    /// <exception cref="DamagedFileException">They are no safetensors header.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty && headerFilled < header.Length)
        {
            int part = Math.Min(bytes.Length, header.Length - headerFilled);
            bytes[..part].CopyTo(header.AsSpan(headerFilled));
            headerFilled += part;
            bytes = bytes[part..];
            if (headerFilled == SafetensorsHeader.LengthFieldSize)
            {
                Array.Resize(ref header, headerFilled + SafetensorsHeader.CheckLength(path, BinaryPrimitives.ReadUInt64LittleEndian(header), length));
            }
        }

        data.AppendData(bytes);
    }

    /// <summary>Compares everything that arrived with a digest.</summary>
    /// <exception cref="DamagedFileException">It is another file.</exception>
    public void Check(string contentId)
    {
        int dataAt = ContentDigest.Find(header, ContentDigest.DataKey);
        int contentAt = ContentDigest.Find(header, ContentDigest.ContentKey);
        string found = dataAt < 0 || contentAt < 0 ? ContentDigest.Unset : ContentDigest.HashHeader(header, contentAt);
        if (found != contentId || Text(contentAt) != contentId)
        {
            throw ContentDigest.Mismatch(path, "header", contentId, found);
        }

        string recorded = Text(dataAt);
        string arrived = Convert.ToHexStringLower(data.GetHashAndReset());
        if (arrived != recorded)
        {
            throw ContentDigest.Mismatch(path, "data", recorded, arrived);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => data.Dispose();

    private string Text(int at) => Encoding.ASCII.GetString(header, at, ContentDigest.Unset.Length);
}
