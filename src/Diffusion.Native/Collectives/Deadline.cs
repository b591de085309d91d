using System.Diagnostics;

namespace Diffusion.Native.Collectives;

/// <summary>A point of monotonic time. Not a TimeProvider: these bound waits on sockets, which no fake clock moves.</summary>
internal readonly struct Deadline
{
    private readonly long end;

    private Deadline(long end) => this.end = end;

    /// <summary>Time left; zero once it has passed.</summary>
    public TimeSpan Left => TimeSpan.FromSeconds(Math.Max(0, (double)(end - Stopwatch.GetTimestamp()) / Stopwatch.Frequency));

    /// <summary>What to give the next wait: never nothing, so that it is the wait that times out and says for whom.</summary>
    public TimeSpan ForNextWait => Left > TimeSpan.FromMilliseconds(1) ? Left : TimeSpan.FromMilliseconds(1);

    public static Deadline After(TimeSpan time) => time > TimeSpan.Zero && time < TimeSpan.FromDays(1)
        ? new Deadline(Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency))
        : throw new ArgumentOutOfRangeException(nameof(time), time, $"The deadline is {time}; it must be positive and under a day, because nothing waits forever.");
}
