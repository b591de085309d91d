using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Diffusion.Data;

/// <summary>Writes NumPy's .npy arrays of float32, row-major, version 1.0.</summary>
public static class NpyWriter
{
    private const int Alignment = 64;

    /// <summary>Encodes a latent.</summary>
    /// <param name="values">[C, H, W].</param>
    /// <param name="shape">Its shape.</param>
    /// <returns>The file.</returns>
    /// <exception cref="ArgumentException">The values do not fit the shape.</exception>
    public static byte[] Encode(ReadOnlySpan<float> values, ImageShape shape)
    {
        if (values.Length != shape.Elements)
        {
            throw new ArgumentException($"{values.Length} values do not fit the shape {shape}.", nameof(shape));
        }

        // The header ends in a line feed and is padded so that the data is aligned.
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape.Channels}, {shape.Height}, {shape.Width}), }}";
        int start = (10 + header.Length + 1 + Alignment - 1) / Alignment * Alignment;
        byte[] file = new byte[start + (values.Length * sizeof(float))];
        ReadOnlySpan<byte> magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];
        magic.CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(8), (ushort)(start - 10));
        Encoding.ASCII.GetBytes(header.PadRight(start - 11) + '\n', file.AsSpan(10));
        MemoryMarshal.AsBytes(values).CopyTo(file.AsSpan(start));
        return file;
    }
}
