using System.CommandLine;

namespace Diffusion.Cli.Tests;

public sealed class CommandLineTests
{
    private static readonly Command[] Verbs = [.. Flat(CommandLine.Create())];

    public static TheoryData<string> VerbNames => [.. Verbs.Select(Path)];

    [Theory]
    [InlineData("train --bach 64", "--bach is no option of 'train'. Did you mean '--batch'?")]
    [InlineData("--presett shapes-16", "--presett is no option of 'train'. Did you mean '--preset'?")]
    [InlineData("trian", "'trian' is no verb. Did you mean 'train'?")]
    [InlineData("dataset convrt", "'convrt' is no verb. Did you mean 'convert'?")]
    [InlineData("train extra", "'extra' was not expected after 'train'")]
    public void Problems_UnknownWord_SuggestsTheNearest(string line, string expected) =>
        Assert.Contains(CommandLine.Problems(CommandLine.Parse(line.Split(' '))), p => p.Contains(expected));

    [Theory]
    [InlineData("train --batch many", "'many' is not a number of images")]
    [InlineData("train --lr fast", "'fast' is no number")]
    [InlineData("train --cond maybe", "'maybe' is neither true nor false")]
    [InlineData("train --seed 1.5", "'1.5' is no integer")]
    [InlineData("train --precision flot16", "Did you mean 'float16'?")]
    [InlineData("worker", "--coordinator")]
    [InlineData("reconstruct x", "--outstd")]
    public void Problems_BadValue_SaysWhatIsWrong(string line, string expected) =>
        Assert.Contains(CommandLine.Problems(CommandLine.Parse(line.Split(' '))), p => p.Contains(expected));

    [Theory]
    [InlineData("")]
    [InlineData("--batch 64 --dry-run")]
    [InlineData("train --p-mean -0.8 --P_std 1.4 --set network.channelMult=[1,2] --set seed=1")]
    [InlineData("sample --net a.safetensors --S_churn 40 --seeds 0-63 --grid a.png")]
    [InlineData("dataset info somewhere")]
    [InlineData("train --help")]
    [InlineData("--version")]
    public void Problems_KnownWords_AreNone(string line) =>
        Assert.Empty(CommandLine.Problems(CommandLine.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries))));

    [Fact]
    public void Parse_OptionsWithoutAVerb_AreTheTrainings() =>
        Assert.Equal("train", CommandLine.Parse(["--batch", "64"]).CommandResult.Command.Name);

    [Theory]
    [MemberData(nameof(VerbNames))]
    public async Task Help_OfEveryVerb_NamesItAndItsOptions(string path)
    {
        using var text = new StringWriter();
        int exit = await CommandLine.Create().Parse([.. path.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]).InvokeAsync(new InvocationConfiguration { Output = text });

        Assert.Equal(0, exit);
        var verb = Verbs.Single(v => Path(v) == path);
        Assert.All(verb.Options.Where(o => !o.Hidden), o => Assert.Contains(o.Name, text.ToString()));
    }

    [Fact]
    public void Symbols_All_AreDescribed() => Assert.All(
        Verbs.SelectMany(v => v.Options.Cast<Symbol>().Concat(v.Arguments).Append(v)).Where(s => !s.Hidden),
        s => Assert.False(string.IsNullOrWhiteSpace(s.Description), s.Name));

    private static IEnumerable<Command> Flat(Command command) => command.Subcommands.SelectMany(Flat).Prepend(command);

    private static string Path(Command command) => command is RootCommand
        ? ""
        : string.Join(' ', new[] { command.Parents.OfType<Command>().Where(p => p is not RootCommand).Select(p => p.Name).FirstOrDefault(), command.Name }.OfType<string>());
}
