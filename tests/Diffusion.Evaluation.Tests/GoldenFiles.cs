namespace Diffusion.Evaluation.Tests;

/// <summary>The recorded numbers, found from wherever the tests run.</summary>
internal static class GoldenFiles
{
    public static string Root { get; } = Find();

    public static string Path(string name) => System.IO.Path.Combine(Root, name);

    private static string Find()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = System.IO.Path.Combine(at.FullName, "tests", "Golden");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new DirectoryNotFoundException("tests/Golden is above no folder of the test's output.");
    }
}
