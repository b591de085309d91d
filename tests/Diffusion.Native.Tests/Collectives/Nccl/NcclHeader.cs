using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>Reads a real nccl.h: enough C to find its functions, constants and the layout of ncclConfig_t.</summary>
internal static partial class NcclHeader
{
    /// <summary>Where headers lie: $NCCL_HOME, the system, Python's package. Null when there is none.</summary>
    public static string? Find()
    {
        string[] homes = Environment.GetEnvironmentVariable("NCCL_HOME") is { Length: > 0 } home ? [Path.Combine(home, "include"), home] : [];
        string[] roots = [.. new[] { "/usr/local/lib", "/usr/lib" }.Where(Directory.Exists).SelectMany(root => Directory.GetDirectories(root, "python3*"))];
        return homes.Append("/usr/include").Append("/usr/local/include")
            .Concat(roots.SelectMany(root => new[] { Path.Combine(root, "dist-packages/nvidia/nccl/include"), Path.Combine(root, "site-packages/nvidia/nccl/include") }))
            .Select(folder => Path.Combine(folder, "nccl.h")).FirstOrDefault(File.Exists);
    }

    public static (int Minor, NcclFacts Facts) Read(string path)
    {
        string text = LineComment().Replace(BlockComment().Replace(File.ReadAllText(path), " "), " ");
        var facts = new NcclFacts();
        foreach (Match match in Function().Matches(text))
        {
            string[] parameters = [.. match.Groups[3].Value.Split(',').Select(Kind).Where(kind => kind.Length > 0)];
            facts.Functions[match.Groups[2].Value] = NcclFacts.Signature(match.Groups[1].Value.StartsWith("const", StringComparison.Ordinal) ? "text" : "result", parameters);
        }

        foreach (Match match in Constant().Matches(text))
        {
            facts.Constants[match.Groups[1].Value] = Value(match.Groups[2].Value);
        }

        facts.Constants.TryAdd("NCCL_API_MAGIC", text.Contains("0xcafebeef", StringComparison.Ordinal) ? 0xcafebeef : 0);
        int end = Layout(Config().Match(text).Groups[1].Value, facts.Fields);
        return ((int)Value(Minor().Match(text).Groups[1].Value), facts.WithConfigBytes((end + 7) / 8 * 8));
    }

    private static int Layout(string fields, Dictionary<string, int> offsets)
    {
        int at = 0;
        foreach (string field in fields.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string name = field.Split([' ', '*'], StringSplitOptions.RemoveEmptyEntries)[^1];
            int bytes = field.Contains('*', StringComparison.Ordinal) || field.StartsWith("size_t", StringComparison.Ordinal) ? 8 : 4;
            at = (at + bytes - 1) / bytes * bytes;
            offsets[name] = at;
            at += bytes;
        }

        return at;
    }

    private static string Kind(string parameter)
    {
        string text = parameter.Trim();
        return text switch
        {
            "" or "void" => "",
            _ when text.Contains('*', StringComparison.Ordinal) => "pointer",
            _ when text.StartsWith("size_t ", StringComparison.Ordinal) => "size",
            _ when text.StartsWith("ncclUniqueId ", StringComparison.Ordinal) => "id",
            _ when text.StartsWith("ncclComm_t", StringComparison.Ordinal) || text.StartsWith("cudaStream_t", StringComparison.Ordinal) => "handle",
            _ when IntegerParameter().IsMatch(text) => "int",
            _ => $"unknown ({text})",
        };
    }

    private static long Value(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? long.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : long.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex BlockComment();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex LineComment();

    [GeneratedRegex(@"\b(ncclResult_t|const\s+char\s*\*)\s*(nccl\w+)\s*\(([^)]*)\)\s*;")]
    private static partial Regex Function();

    [GeneratedRegex(@"(?:\b|#define\s+)(nccl\w+|NCCL_[A-Z_]+)\s*=?\s*\b(0x[0-9a-f]+|\d+)\b")]
    private static partial Regex Constant();

    [GeneratedRegex(@"typedef struct ncclConfig_v\d+ \{(.*?)\}", RegexOptions.Singleline)]
    private static partial Regex Config();

    [GeneratedRegex(@"#define NCCL_MINOR (\d+)")]
    private static partial Regex Minor();

    [GeneratedRegex(@"^(int|ncclDataType_t|ncclRedOp_t|ncclResult_t)\s+\w+$")]
    private static partial Regex IntegerParameter();
}
