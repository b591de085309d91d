using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Cli.Display;

/// <summary>A line that counts bytes on a terminal; nothing elsewhere.</summary>
internal sealed class ByteProgress(string what) : IProgress<ReconstructionProgress>, IDisposable
{
    private readonly Lock guard = new();
    private bool shown;

    public void Report(ReconstructionProgress value)
    {
        if (Console.IsOutputRedirected)
        {
            return;
        }

        lock (guard)
        {
            Console.Write(FormattableString.Invariant($"\r{what}: {value.BytesRead / 1e6:0} of {value.TotalBytes / 1e6:0} MB"));
            shown = true;
        }
    }

    public void Dispose()
    {
        if (shown)
        {
            Console.WriteLine();
        }
    }
}
