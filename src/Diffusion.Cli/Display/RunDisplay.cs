using Diffusion.V1;

namespace Diffusion.Cli.Display;

/// <summary>Shows a run while it goes on.</summary>
internal abstract class RunDisplay : IAsyncDisposable
{
    /// <summary>One live display on a terminal, plain lines elsewhere.</summary>
    public static RunDisplay Create(TimeProvider time) => Console.IsOutputRedirected ? new PlainRunDisplay(time) : new LiveRunDisplay();

    /// <summary>The run as it stands.</summary>
    public abstract void Update(RunStatus run);

    /// <summary>Something that happened, to be read once.</summary>
    public abstract void Note(string text);

    /// <summary>Gives the screen back.</summary>
    public abstract ValueTask DisposeAsync();
}

/// <summary>A line at each change of phase, and while training one about every five seconds.</summary>
internal sealed class PlainRunDisplay(TimeProvider time) : RunDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Lock guard = new();
    private readonly HashSet<string> alarms = [];
    private string phase = "";
    private long printed = -1;
    private long printedAt;

    public override void Update(RunStatus run)
    {
        lock (guard)
        {
            foreach (string alarm in run.Alarms.Where(alarms.Add))
            {
                Console.WriteLine($"ALARM: {alarm}");
            }

            string now = $"{RunText.Phase(run.Phase)}: {run.Reason}";
            if (now != phase)
            {
                phase = now;
                Console.WriteLine(now);
            }

            bool due = printed <= 0 || time.GetElapsedTime(printedAt) >= Interval || RunText.IsOver(run.Phase);
            if (run.ImagesSeen > 0 && run.ImagesSeen != printed && due)
            {
                (printed, printedAt) = (run.ImagesSeen, time.GetTimestamp());
                Console.WriteLine(RunText.Line(run));
            }
        }
    }

    public override void Note(string text)
    {
        lock (guard)
        {
            Console.WriteLine(text);
        }
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
