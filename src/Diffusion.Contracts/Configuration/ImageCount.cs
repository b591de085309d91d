using System.Globalization;

namespace Diffusion.Contracts.Configuration;

/// <summary>Numbers of images as people write them: <c>4096</c>, <c>128Ki</c>, <c>8Mi</c>, <c>2Gi</c>.</summary>
public static class ImageCount
{
    private static readonly (string Suffix, long Factor)[] Suffixes = [("Ki", 1L << 10), ("Mi", 1L << 20), ("Gi", 1L << 30)];

    /// <summary>Reads a count; suffixes are powers of two.</summary>
    /// <exception cref="FormatException">The text is no non-negative integer with an optional suffix, or exceeds 2^62.</exception>
    public static long Parse(string text)
    {
        var (suffix, factor) = Suffixes.FirstOrDefault(s => text.EndsWith(s.Suffix, StringComparison.Ordinal));
        string digits = suffix is null ? text : text[..^suffix.Length];
        factor = suffix is null ? 1 : factor;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long value) || value > (1L << 62) / factor)
        {
            throw new FormatException($"'{text}' is not a number of images. Write an integer, optionally with Ki, Mi or Gi, e.g. 128Ki.");
        }

        return value * factor;
    }

    /// <summary>The shortest exact form, e.g. <c>128Ki</c> for 131072.</summary>
    public static string Format(long images)
    {
        var (suffix, factor) = Suffixes.LastOrDefault(s => images != 0 && images % s.Factor == 0);
        return suffix is null ? images.ToString(CultureInfo.InvariantCulture) : (images / factor).ToString(CultureInfo.InvariantCulture) + suffix;
    }

    /// <summary>Thousands of images, as shown to people: 45,056 images are "45.1 kimg".</summary>
    public static string Kimg(long images) => (images / 1000.0).ToString("0.0", CultureInfo.InvariantCulture) + " kimg";
}
