using System.Globalization;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>What a header says: read from our table, or from a header itself.</summary>
internal sealed record NcclFacts
{
    /// <summary>Result kind and parameter kinds by function.</summary>
    public Dictionary<string, string> Functions { get; } = [];

    public Dictionary<string, long> Constants { get; } = [];

    /// <summary>Offsets in ncclConfig_t.</summary>
    public Dictionary<string, int> Fields { get; } = [];

    /// <summary>sizeof(ncclConfig_t).</summary>
    public int ConfigBytes { get; private set; }

    /// <summary>The table's facts as a header of version 2.<paramref name="minor"/> has them.</summary>
    public static NcclFacts Table(int minor = int.MaxValue)
    {
        var facts = new NcclFacts();
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Collectives/Nccl/nccl-facts.txt")))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            switch (words.FirstOrDefault())
            {
                case "function" when Number(words[2]) <= minor:
                    facts.Functions.Add(words[1], Signature(words[3], words[5..]));
                    break;
                case "constant":
                    facts.Constants.Add(words[1], long.Parse(words[2], CultureInfo.InvariantCulture));
                    break;
                case "field" when Number(words[3]) <= minor:
                    facts.Fields.Add(words[1], Number(words[2]));
                    break;
                case "config" when Number(words[1]) <= minor:
                    facts.ConfigBytes = Number(words[2]);
                    break;
                default:
                    break;
            }
        }

        return facts;
    }

    public static string Signature(string result, IEnumerable<string> parameters) => $"{result}({string.Join(", ", parameters)})";

    public NcclFacts WithConfigBytes(int bytes)
    {
        ConfigBytes = bytes;
        return this;
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
