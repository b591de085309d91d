using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Cli.Configuration;

/// <summary>Lists as people write them on a command line.</summary>
internal static class Lists
{
    private const int MostSeeds = 1_000_000;

    /// <summary><c>0.05,0.10</c> or <c>0.02,0.03,...,0.25</c>.</summary>
    public static double[] Numbers(string option, string text)
    {
        try
        {
            return LengthList.Parse(text);
        }
        catch (FormatException e)
        {
            throw new ConfigurationException($"{option}: {e.Message}");
        }
    }

    /// <summary><c>1,2,5-10</c>.</summary>
    public static long[] Seeds(string option, string text)
    {
        var seeds = new List<long>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] ends = part.Split('-');
            if (ends.Length is < 1 or > 2 || !long.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out long first)
                || !long.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out long last) || last < first || seeds.Count + (last - first) >= MostSeeds)
            {
                throw new ConfigurationException($"{option} {text}: '{part}' is no seed or range of seeds. Write e.g. 1,2,5-10, at most {MostSeeds} in all.");
            }

            for (long seed = first; seed <= last; seed++)
            {
                seeds.Add(seed);
            }
        }

        return [.. seeds];
    }
}
