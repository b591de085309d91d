using Diffusion.Cli.Configuration;
using Diffusion.Contracts.Configuration;
using Spectre.Console;

namespace Diffusion.Cli.Display;

/// <summary>The effective configuration, every key with its value.</summary>
internal static class ConfigTable
{
    /// <summary>The configuration, and what it gives up if it gives something up.</summary>
    public static void Print(RunConfig config)
    {
        var rows = RunConfigOptions.Flatten(config).ToArray();
        if (Console.IsOutputRedirected)
        {
            int width = rows.Max(r => r.Key.Length);
            foreach (var (key, value) in rows)
            {
                Console.WriteLine($"  {key.PadRight(width)}  {value}");
            }

            WarnOfFastMode(config);
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumn("key").AddColumn("value");
        foreach (var (key, value) in rows)
        {
            table.AddRow(new Text(key, new Style(Color.Grey)), new Text(value));
        }

        AnsiConsole.Write(table);
        WarnOfFastMode(config);
    }

    private static void WarnOfFastMode(RunConfig config)
    {
        if (config.Training.GradientSum == GradientSum.Fast)
        {
            Console.WriteLine(
                "Fast mode: the bits of this run depend on how many ranks take part and on their shares. A worker lost or joining changes them, and shards do not move to faster workers by themselves. "
                + "The same ranks and shares without such events repeat them.");
        }
    }
}
