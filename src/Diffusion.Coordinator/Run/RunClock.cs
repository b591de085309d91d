namespace Diffusion.Coordinator.Run;

/// <summary>Time that only moves forward: a corrected wall clock must not end anybody's lease.</summary>
internal sealed class RunClock(TimeProvider time)
{
    private readonly DateTimeOffset start = time.GetUtcNow();
    private readonly long startTimestamp = time.GetTimestamp();

    public DateTimeOffset Now => start + time.GetElapsedTime(startTimestamp);
}
