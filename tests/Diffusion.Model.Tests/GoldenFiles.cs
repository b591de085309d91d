using System.Text.Json.Nodes;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Model.Tests;

internal static class GoldenFiles
{
    /// <summary>tests/Golden, found from the test's own directory upwards.</summary>
    public static string Directory { get; } = Find();

    /// <summary>The first case of a kind; these tests name no file.</summary>
    public static GoldenCase Case(string kind)
    {
        foreach (string path in System.IO.Directory.EnumerateFiles(Directory, "*.json"))
        {
            if (GoldenCase.TryOpen(path) is { } golden)
            {
                if (golden.Kind == kind)
                {
                    return golden;
                }

                golden.Dispose();
            }
        }

        throw new FileNotFoundException($"No case of kind {kind} under {Directory}.");
    }

    public static IEnumerable<JsonObject> Rows(this GoldenCase golden, string key) => golden.Json[key]!.AsArray().Select(row => row!.AsObject());

    public static double Number(this JsonNode node, string key) => node[key]!.GetValue<double>();

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string candidate = Path.Combine(directory.FullName, "tests", "Golden");
            if (System.IO.Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new DirectoryNotFoundException($"No tests/Golden above {AppContext.BaseDirectory}.");
    }
}
