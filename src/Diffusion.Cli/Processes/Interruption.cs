using System.Runtime.InteropServices;

namespace Diffusion.Cli.Processes;

/// <summary>When to stop: asked once, finish and save; asked twice, hurry.</summary>
internal sealed class Interruption : IDisposable
{
    // One signal may arrive twice, when it is sent to a process and to its group.
    private static readonly TimeSpan Echo = TimeSpan.FromSeconds(0.5);

    private readonly CancellationTokenSource asked = new();
    private readonly CancellationTokenSource hurried = new();
    private readonly List<IDisposable> registrations = [];
    private readonly Lock guard = new();
    private long firstRaised;

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
    /// however it went, shows as the end of standard input. On that, as on SIGTERM, which may have been sent to all of them, the child stops by itself
    /// after <paramref name="patience"/>.
    /// </summary>
    public static Interruption BySupervisor(TextReader input, TimeSpan patience)
    {
        var interruption = new Interruption();
        interruption.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true));
        interruption.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true));
        interruption.registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            Background(() => interruption.RaiseAfter(patience));
        }));
        Background(() => interruption.WaitForEnd(input, patience));
        return interruption;
    }

    public void Dispose()
    {
        registrations.ForEach(r => r.Dispose());
        asked.Dispose();
        hurried.Dispose();
    }

    private static void Background(Action action) => new Thread(() =>
    {
        try
        {
            action();
        }
        catch (ObjectDisposedException)
        {
            // The verb ended first.
        }
    })
    { IsBackground = true, Name = "supervisor" }.Start();

    private void WaitForEnd(TextReader input, TimeSpan patience)
    {
        while (input.ReadLine() is not null)
        {
            // The parent has nothing more to say; it is only alive.
        }

        RaiseAfter(patience);
    }

    private void RaiseAfter(TimeSpan patience)
    {
        // A child is never hurried from here: who is in a hurry kills it.
        if (!asked.Token.WaitHandle.WaitOne(patience))
        {
            Raise();
        }
    }

    private void Raise()
    {
        lock (guard)
        {
            var time = TimeProvider.System;
            if (firstRaised == 0)
            {
                firstRaised = time.GetTimestamp();

                // Cancellation callbacks run on a thread of the pool, not on the one that delivers signals.
                _ = asked.CancelAsync();
            }
            else if (time.GetElapsedTime(firstRaised) > Echo)
            {
                _ = hurried.CancelAsync();
            }
        }
    }
}
