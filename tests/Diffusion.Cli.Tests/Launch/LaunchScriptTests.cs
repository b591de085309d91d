namespace Diffusion.Cli.Tests.Launch;

public sealed class LaunchScriptTests
{
    private const int MostLines = 150;

    private static string Script => Repository.Path("launch.sh");

    [ToolFact("shellcheck")]
    public async Task Script_Shellcheck_FindsNothing()
    {
        var result = await DiffusionProcess.RunAsync("shellcheck", Repository.Root, [Script, Repository.Path(".ci/run")]);

        Assert.True(result.ExitCode == 0, result.Output);
    }

    [Fact]
    public void Script_Length_IsThatOfAScript() => Assert.InRange(File.ReadAllLines(Script).Length, 1, MostLines);

    [Fact]
    public async Task Script_SyntaxAndMode_AreThatOfAProgram()
    {
        var result = await DiffusionProcess.RunAsync("/usr/bin/env", Repository.Root, ["bash", "-c", $"test -x '{Script}' && bash -n '{Script}'"]);

        Assert.True(result.ExitCode == 0, result.Errors);
    }

    [Fact]
    public async Task Script_WithoutDotnet_SaysWhatAndWhereFrom()
    {
        using var folder = new TemporaryFolder();
        foreach (string tool in new[] { "bash", "dirname", "readlink", "env" })
        {
            File.CreateSymbolicLink(folder.In(tool), $"/usr/bin/{tool}");
        }

        var result = await DiffusionProcess.RunAsync("/usr/bin/env", folder.Path, ["-i", $"PATH={folder.Path}", "/usr/bin/bash", Script]);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains(".NET 10 SDK", result.Errors);
        Assert.Contains("https://dotnet.microsoft.com", result.Errors);
    }
}

/// <summary>A test that needs a tool of the machine; skipped, with the reason, where it is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(string tool)
    {
        bool found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(System.IO.Path.Combine(folder, tool)));
        Skip = found ? null : $"{tool} is not installed";
    }
}
