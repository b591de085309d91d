using Diffusion.Data;

namespace Diffusion.Cli.Display;

/// <summary>One line that counts up on a terminal; a line at the end elsewhere. Silent when there is nothing to do.</summary>
internal sealed class ConsoleProgress(string what) : IProgress<ImageProgress>, IDisposable
{
    private readonly Lock guard = new();
    private ImageProgress last;

    public void Report(ImageProgress value)
    {
        lock (guard)
        {
            if (value.Done < last.Done)
            {
                return;
            }

            last = value;
            if (!Console.IsOutputRedirected)
            {
                Console.Write($"\r{what}: {value.Done} of {value.Total} images");
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
}
