namespace Diffusion.Data;

/// <summary>Between pixels and what an RGB network sees.</summary>
public static class PixelEncoder
{
    private static readonly float[] Encoded = [.. Enumerable.Range(0, 256).Select(pixel => (pixel / 127.5f) - 1f)];

    /// <summary>x / 127.5 − 1 in float32: 0…255 becomes −1…1.</summary>
    /// <param name="pixels">Pixels.</param>
    /// <param name="destination">As many numbers.</param>
    public static void Encode(ReadOnlySpan<byte> pixels, Span<float> destination)
    {
        CheckLengths(pixels.Length, destination.Length);
        for (int i = 0; i < pixels.Length; i++)
        {
            destination[i] = Encoded[pixels[i]];
        }
    }

    /// <summary>clip(x·127.5 + 128, 0, 255), truncated: −1 becomes 0, 0 becomes 128, 1 becomes 255. Not-a-number becomes 0.</summary>
    /// <param name="values">What a sampler returned.</param>
    /// <param name="destination">As many pixels.</param>
    public static void Decode(ReadOnlySpan<float> values, Span<byte> destination)
    {
        CheckLengths(values.Length, destination.Length);
        for (int i = 0; i < values.Length; i++)
        {
            float pixel = (values[i] * 127.5f) + 128f;
            destination[i] = pixel >= 255f ? (byte)255 : pixel > 0f ? (byte)pixel : (byte)0;
        }
    }

    private static void CheckLengths(int source, int destination)
    {
        if (source != destination)
        {
            throw new ArgumentException($"{source} values do not fit a destination of {destination}.");
        }
    }
}
