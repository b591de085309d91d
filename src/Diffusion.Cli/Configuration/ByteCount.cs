using System.Globalization;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>Sizes of files as people write them: <c>500MB</c>, <c>10GB</c>, <c>2TB</c>, in powers of ten.</summary>
internal static class ByteCount
{
    private static readonly (string Suffix, long Factor)[] Suffixes = [("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)];

    /// <exception cref="ConfigurationException">It is no size.</exception>
    public static long Parse(string option, string text)
    {
        var (suffix, factor) = Suffixes.FirstOrDefault(s => text.EndsWith(s.Suffix, StringComparison.OrdinalIgnoreCase));
        string digits = suffix is null ? text : text[..^suffix.Length].TrimEnd();
        return decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value) && value <= long.MaxValue / Math.Max(1, factor)
            ? (long)(value * Math.Max(1, factor))
            : throw new ConfigurationException($"{option} {text} is no size. Write bytes, or a number with KB, MB, GB or TB, as in 10GB.");
    }

    /// <summary>In the unit that reads best.</summary>
    public static string Format(long bytes)
    {
        var (suffix, factor) = Suffixes.LastOrDefault(s => bytes >= s.Factor);
        return suffix is null ? $"{bytes} bytes" : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)factor:0.#} {suffix}");
    }
}
