namespace Diffusion.Contracts.Configuration;

/// <summary>"Did you mean": the nearest of the known names.</summary>
public static class Suggestion
{
    /// <summary>A sentence naming the nearest known name, or listing the known ones when none is near.</summary>
    public static string For(string unknown, IEnumerable<string> known)
    {
        var names = known.ToArray();
        // What was typed may be the beginning of one name: --out of --outdir.
        var begun = names.Where(n => unknown.Length > 2 && n.StartsWith(unknown, StringComparison.OrdinalIgnoreCase)).ToArray();
        if (begun.Length == 1)
        {
            return $"Did you mean '{begun[0]}'?";
        }

        var best = names.Select(n => (Name: n, Distance: Distance(unknown.ToUpperInvariant(), n.ToUpperInvariant()))).OrderBy(n => n.Distance).FirstOrDefault();
        return best.Name is not null && best.Distance <= Math.Max(2, unknown.Length / 3)
            ? $"Did you mean '{best.Name}'?"
            : $"Known are: {string.Join(", ", names)}.";
    }

    // Levenshtein distance, one row at a time.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[b.Length];
    }
}
