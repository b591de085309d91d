using Diffusion.Model.Sampling;

namespace Diffusion.Cli.Display;

/// <summary>How many images are drawn and how far the batch at work is: a line that changes on a terminal, a line per batch elsewhere.</summary>
internal sealed class SamplingProgress(int total) : IProgress<SamplerProgress>, IDisposable
{
    private int done;
    private int width;

    /// <summary>Between two steps of the sampler.</summary>
    public void Report(SamplerProgress value) => Show($"{done} of {total} images, step {value.Step} of {value.Steps} of the next");

    /// <summary>After a batch.</summary>
    public void Add(int images)
    {
        done += images;
        if (Console.IsOutputRedirected)
        {
            Console.WriteLine($"{done} of {total} images");
        }
        else
        {
            Show($"{done} of {total} images");
        }
    }

    public void Dispose()
    {
        if (width > 0)
        {
            Console.WriteLine();
        }
    }

    private void Show(string text)
    {
        if (!Console.IsOutputRedirected)
        {
            Console.Write($"\r{text.PadRight(width)}");
            width = text.Length;
        }
    }
}
