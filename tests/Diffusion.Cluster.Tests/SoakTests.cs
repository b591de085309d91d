using System.Text.RegularExpressions;

namespace Diffusion.Cluster.Tests;

/// <summary>A short soak: the verb that users have, with a seed whose schedule holds most kinds of faults.</summary>
[Collection(WaitingClusterTests.Name)]
public sealed partial class SoakTests
{
    [Fact]
    public async Task Soak_TwelveFaults_ChangesNoBit()
    {
        using var soak = new ClusterProcess("soak", ["soak", "--faults", "12", "--steps", "150", "--seed", "1", "--limit", "6"]) { Bound = TimeSpan.FromMinutes(7) };
        int exit = await soak.Exit();
        Assert.True(exit == 0, soak.Output);
        Assert.Matches(Faults(), soak.Output);
        Assert.Contains("0 lost, 0 repeated", soak.Output, StringComparison.Ordinal);
        Assert.Contains("differing bytes     0 of", soak.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Soak_Interrupted_LeavesNoProcessAndNoFile()
    {
        string parent = Directory.CreateTempSubdirectory("diffusion-soak-test-").FullName;
        try
        {
            using var soak = new ClusterProcess("soak", ["soak", "--faults", "2", "--steps", "150"], environment: [("TMPDIR", parent)]);
            string directory = (await soak.LineWith("; in ")).Split("; in ")[1];
            await soak.LineWith("Undisturbed, one worker");
            soak.Signal("INT");
            Assert.Equal(130, await soak.Exit());
            Assert.False(Directory.Exists(directory), $"{directory} is still there.");
            Assert.DoesNotContain(Directory.GetDirectories("/proc").Select(CommandLine), line => line.Contains(directory, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(parent, recursive: true);
        }
    }

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return ""; // No process, or one that has just ended.
        }
    }

    [GeneratedRegex("faults injected +12")]
    private static partial Regex Faults();
}
