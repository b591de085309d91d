using System.Diagnostics;
using System.Globalization;
using Diffusion.Data;

namespace Diffusion.Cli.Display;

/// <summary>One line that counts up on a terminal, after two seconds with the time that is left; a line at the end elsewhere. Silent when there is nothing to do.</summary>
internal sealed class ConsoleProgress(string what) : IProgress<ImageProgress>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock guard = new();
    private readonly long started = Stopwatch.GetTimestamp();
    private ImageProgress first;
    private ImageProgress last;

    public void Report(ImageProgress value)
    {
        lock (guard)
        {
            if (value.Done < last.Done)
            {
                return;
            }

            // What was there before this process, after a restart, took no time.
            first = first.Total == 0 ? value : first;
            last = value;
            if (!Console.IsOutputRedirected)
            {
                Console.Write($"\r{what}: {value.Done} of {value.Total} images{Left(value),-24}");
            }
        }
    }

    public void Dispose()
    {
        if (last.Total > 0)
        {
            Console.WriteLine(Console.IsOutputRedirected ? $"{what}: {last.Done} images" : "");
        }
    }

    private string Left(ImageProgress value)
    {
        var elapsed = Stopwatch.GetElapsedTime(started);
        int done = value.Done - first.Done;
        return elapsed < Patience || done <= 0 || value.Done >= value.Total ? "" : string.Create(CultureInfo.InvariantCulture, $", {Shown(elapsed / done * (value.Total - value.Done))} left");
    }

    private static string Shown(TimeSpan time) => time.TotalMinutes < 2 ? $"{Math.Ceiling(time.TotalSeconds)} s" : time.TotalHours < 2 ? $"{Math.Ceiling(time.TotalMinutes)} min" : string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.#} h");
}
