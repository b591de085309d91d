using System.Security.Cryptography;

namespace Diffusion.Worker.Session;

/// <summary>Growing waits with jitter, so that the workers of a large run do not all knock at once.</summary>
internal sealed class Redial(WorkerTimeouts timeouts, TimeProvider time)
{
    private readonly long start = time.GetTimestamp();
    private TimeSpan next = timeouts.RedialFirst;

    public TimeSpan Elapsed => time.GetElapsedTime(start);

    public bool IsHopeless => Elapsed >= timeouts.GiveUp;

    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        double jitter = 0.5 + (RandomNumberGenerator.GetInt32(1 << 20) / (double)(1 << 20));
        await Task.Delay(next * jitter, time, cancellationToken).ConfigureAwait(false);
        next = TimeSpan.FromTicks(Math.Min(2 * next.Ticks, timeouts.RedialLongest.Ticks));
    }
}
