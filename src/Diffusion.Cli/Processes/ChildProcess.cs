using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Diffusion.Cli.Processes;

/// <summary>Signals by their numbers on Linux.</summary>
internal enum ProcessSignal
{
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}

/// <summary>Another process of this program, started by <c>train</c>. It lives at most as long as this object and as the process that made it.</summary>
internal sealed class ChildProcess : IDisposable
{
    private const int LinesKept = 20;

    private readonly Process process;
    private readonly Queue<string> lastErrors = new();
    private readonly TaskCompletionSource<string> firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ChildProcess(string name, Process process)
    {
        Name = name;
        this.process = process;
    }

    public string Name { get; }

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public int ExitCode => process.ExitCode;

    /// <summary>The last line it printed; whole once <see cref="WaitForExitAsync"/> has returned.</summary>
    public string LastLine { get; private set; } = "";

    /// <summary>What it said on standard error, for people.</summary>
    public string LastErrors
    {
        get
        {
            lock (lastErrors)
            {
                return string.Join(Environment.NewLine, lastErrors);
            }
        }
    }

    /// <summary>Starts this program with another verb.</summary>
    /// <param name="name">For messages.</param>
    /// <param name="arguments">Verb and options.</param>
    /// <param name="input">First line of its standard input, or null. The input stays open: its end is how the child sees that its parent is gone.</param>
    /// <param name="environment">Variables it gets beside this process's own.</param>
    public static ChildProcess Start(string name, IEnumerable<string> arguments, string? input, params (string Name, string Value)[] environment)
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is unknown.");
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // A killed process would leave the sockets of the runtime's diagnostics behind. Who wants to look into one sets the variable.
        start.Environment.TryAdd("DOTNET_EnableDiagnostics", "0");
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        var process = new Process { StartInfo = start };
        var child = new ChildProcess(name, process);
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is not null)
            {
                child.LastLine = e.Data;
                child.firstLine.TrySetResult(e.Data);
            }
        };
        process.ErrorDataReceived += (_, e) => child.KeepError(e.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (input is not null)
        {
            child.WriteInput(input);
        }

        return child;
    }

    /// <summary>The first line the child prints.</summary>
    /// <exception cref="VerbFailedException">It ended, or the time was over, before it printed one.</exception>
    public async Task<string> FirstLineAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        var exit = process.WaitForExitAsync(cancellationToken);
        var first = await Task.WhenAny(firstLine.Task, exit, Task.Delay(limit, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        if (first == exit && !firstLine.Task.IsCompleted)
        {
            throw new VerbFailedException(LastErrors.Length > 0 ? LastErrors.Replace("diffusion: ", "", StringComparison.Ordinal) : $"{Name} ended with exit code {ExitCode}.", ExitCode);
        }

        return firstLine.Task.IsCompleted ? await firstLine.Task : throw new VerbFailedException($"{Name} did not start within {limit.TotalSeconds:0} s. Its log says more.");
    }

    /// <summary>Sends it a signal. One that has ended hears nothing.</summary>
    public void Send(ProcessSignal signal)
    {
        if (!process.HasExited)
        {
            // Whether it ended in between is nobody's concern: a child that was not waited for keeps its number.
            _ = Kill(process.Id, (int)signal);
        }
    }

    public Task WaitForExitAsync(CancellationToken cancellationToken) => process.WaitForExitAsync(cancellationToken);

    /// <summary>Waits for the end; what has not ended by then is killed.</summary>
    /// <returns>Whether it ended by itself.</returns>
    public async Task<bool> EndAsync(TimeSpan limit, CancellationToken hurry)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(hurry);
        timeout.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            return false;
        }
    }

    public void Dispose()
    {
        Kill();
        process.Dispose();
    }

    private void Kill()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);

    private void WriteInput(string line)
    {
        try
        {
            process.StandardInput.WriteLine(line);
            process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It ended before it read; its exit code and its words tell why.
        }
    }

    private void KeepError(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (lastErrors)
        {
            lastErrors.Enqueue(line);
            if (lastErrors.Count > LinesKept)
            {
                lastErrors.Dequeue();
            }
        }
    }
}
