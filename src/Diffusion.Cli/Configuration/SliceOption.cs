using System.CommandLine;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>How much of a run one start does, for boxes that are lent for a limited time. Not part of what the run is.</summary>
internal static class SliceOption
{
    private const string Name = "--slice";

    public static Option<string?> Create() => new(Name) { Description = "Stop, saved, after this many images of this start; the same command does the next slice [default: train to the end]", HelpName = "NIMG" };

    public static long Read(Option<string?> option, ParseResult result)
    {
        if (result.GetValue(option) is not { } text)
        {
            return 0;
        }

        try
        {
            return ImageCount.Parse(text);
        }
        catch (FormatException e)
        {
            throw new ConfigurationException($"{Name}: {e.Message}");
        }
    }
}
