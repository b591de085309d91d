using System.Runtime.InteropServices;

namespace Diffusion.Cli.Processes;

/// <summary>When to stop: asked once, finish and save; asked twice, hurry.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource asked = new();
    private readonly CancellationTokenSource hurried = new();
    private readonly List<IDisposable> registrations = [];

    private Interruption()
    {
    }

    public CancellationToken Asked => asked.Token;

    public CancellationToken Hurried => hurried.Token;

    /// <summary>Ctrl-C and SIGTERM.</summary>
    public static Interruption BySignals()
    {
        var interruption = new Interruption();
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            interruption.registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                interruption.Raise();
            }));
        }

        return interruption;
    }

    /// <summary>
    /// In a child of <c>train</c>: Ctrl-C reaches every process of the terminal, and only the parent decides what it means. A parent that is gone,
    /// however it went, shows as the end of standard input; then the child stops after <paramref name="patience"/>.
    /// </summary>
    public static Interruption BySupervisor(TextReader input, TimeSpan patience)
    {
        var interruption = new Interruption();
        interruption.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true));
        interruption.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true));
        interruption.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            interruption.Raise();
        }));
        new Thread(() => interruption.WaitForEnd(input, patience)) { IsBackground = true, Name = "supervisor" }.Start();
        return interruption;
    }

    public void Dispose()
    {
        registrations.ForEach(r => r.Dispose());
        asked.Dispose();
        hurried.Dispose();
    }

    private void WaitForEnd(TextReader input, TimeSpan patience)
    {
        try
        {
            while (input.ReadLine() is not null)
            {
                // The parent has nothing more to say; it is only alive.
            }

            asked.Token.WaitHandle.WaitOne(patience);
            Raise();
        }
        catch (ObjectDisposedException)
        {
            // The verb ended first.
        }
    }

    private void Raise()
    {
        // Cancellation callbacks run on a thread of the pool, not on the one that delivers signals.
        _ = (asked.IsCancellationRequested ? hurried : asked).CancelAsync();
    }
}
