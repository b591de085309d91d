using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Diffusion.Cluster.Tests;

/// <summary>Makes a process slow as a weaker box is: it is stopped and continued many times a second, the same part of the time each time. Needs no rights and no quota.</summary>
internal sealed partial class SlowedProcess : IAsyncDisposable
{
    private const int Stop = 19;
    private const int Continue = 18;
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(40);
    private readonly CancellationTokenSource over = new();
    private readonly Task slowing;

    /// <param name="process">The process.</param>
    /// <param name="share">Part of the time in which it may run.</param>
    public SlowedProcess(ClusterProcess process, double share) => slowing = SlowAsync(process, share);

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await slowing;
        over.Dispose();
    }

    private async Task SlowAsync(ClusterProcess process, double share)
    {
        // By what it has had so far, so that late timers of a busy machine do not change the share.
        var clock = Stopwatch.StartNew();
        var ran = TimeSpan.Zero;
        try
        {
            while (!process.HasExited)
            {
                var before = clock.Elapsed;
                await Task.Delay(Period * share, over.Token);
                ran += clock.Elapsed - before;
                _ = kill(process.Id, Stop);
                var due = (ran / share) - clock.Elapsed;
                await Task.Delay(due > TimeSpan.Zero ? due : TimeSpan.Zero, over.Token);
                _ = kill(process.Id, Continue);
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            _ = kill(process.Id, Continue);
        }
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
