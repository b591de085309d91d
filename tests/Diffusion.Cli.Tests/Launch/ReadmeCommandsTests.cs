using System.Text.RegularExpressions;

namespace Diffusion.Cli.Tests.Launch;

/// <summary>Every command a README shows is one the program takes.</summary>
public sealed partial class ReadmeCommandsTests
{
    public static TheoryData<string> Commands
    {
        get
        {
            var data = new TheoryData<string>();
            foreach (string command in File.Exists(Repository.Path("README.md")) ? In(File.ReadAllText(Repository.Path("README.md"))) : ["./launch.sh"])
            {
                data.Add(command);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Command_OfTheReadme_Parses(string command)
    {
        string[] words = [.. Words().Matches(command).Select(m => m.Value.Trim('"', '\'')).Skip(1)];
        if (words is ["test", ..] or ["setup"])
        {
            return;
        }

        Assert.Empty(CommandLine.Problems(CommandLine.Parse(words)));
    }

    // Fenced blocks only, without their pictures; comments behind a command and prompts before it are no part of it.
    private static IEnumerable<string> In(string text) => Fences().Matches(text)
        .SelectMany(m => m.Groups[1].Value.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        .Select(line => line.Split(" #")[0].Trim().TrimStart('$', ' ').TrimEnd('&', ' '))
        .Select(line => Assignments().Replace(line, ""))
        .Where(line => line.StartsWith("./launch.sh", StringComparison.Ordinal) && !line.Contains('─', StringComparison.Ordinal));

    [GeneratedRegex("^```[a-z]*\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Fences();

    [GeneratedRegex("\"[^\"]*\"|'[^']*'|\\S+")]
    private static partial Regex Words();

    [GeneratedRegex("^([A-Z_]+=\\S+ +)+")]
    private static partial Regex Assignments();
}
