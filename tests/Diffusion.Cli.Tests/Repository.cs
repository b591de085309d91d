namespace Diffusion.Cli.Tests;

/// <summary>The repository these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Path(string relative) => System.IO.Path.Combine(Root, relative);

    private static string Find()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(at.FullName, "Diffusion.Distributed.sln")))
            {
                return at.FullName;
            }
        }

        throw new DirectoryNotFoundException("Diffusion.Distributed.sln is in no folder above the test's output.");
    }
}
