using Diffusion.Cli.Configuration;
using Diffusion.Contracts.Configuration;
using Spectre.Console;

namespace Diffusion.Cli.Display;

/// <summary>The effective configuration, every key with its value.</summary>
internal static class ConfigTable
{
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

            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumn("key").AddColumn("value");
        foreach (var (key, value) in rows)
        {
            table.AddRow(new Text(key, new Style(Color.Grey)), new Text(value));
        }

        AnsiConsole.Write(table);
    }
}
