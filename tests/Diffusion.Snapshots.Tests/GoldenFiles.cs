using System.Text.Json;

namespace Diffusion.Snapshots.Tests;

/// <summary>The numbers in tests/Golden, found from the test's own directory upwards.</summary>
internal static class GoldenFiles
{
    public static string PathOf(string name)
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            string candidate = Path.Combine(directory.FullName, "tests", "Golden", name);
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new FileNotFoundException($"tests/Golden/{name} was not found above {AppContext.BaseDirectory}.");
    }

    public static JsonElement Json(string name) => JsonDocument.Parse(File.ReadAllBytes(PathOf(name))).RootElement;
}
