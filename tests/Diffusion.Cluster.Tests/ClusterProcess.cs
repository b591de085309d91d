using System.Diagnostics;
using System.Text;

namespace Diffusion.Cluster.Tests;

/// <summary>One real process of the program, whose lines can be waited for and which can be killed, stopped and continued.</summary>
internal sealed class ClusterProcess : IDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly Lock gate = new();
    private readonly List<(string Text, TaskCompletionSource<string> Found)> waiting = [];

    public ClusterProcess(string name, string[] arguments, string? workingDirectory = null, string? box = null, params (string Name, string Value)[] environment)
    {
        Name = name;
        string program = Path.Combine(AppContext.BaseDirectory, "diffusion");
        var start = new ProcessStartInfo(box is null ? program : "ip", box is null ? arguments : ["netns", "exec", box, program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        // A killed process would leave the sockets of the runtime's diagnostics behind.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        foreach (var (variable, value) in environment)
        {
            start.Environment[variable] = value;
        }

        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, e) => Receive(e.Data);
        process.ErrorDataReceived += (_, e) => Receive(e.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Name { get; }

    /// <summary>Longest wait for a line or the end.</summary>
    public TimeSpan Bound { get; init; } = TimeSpan.FromSeconds(150);

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    /// <summary>Only of a process that has ended.</summary>
    public int ExitCode => process.ExitCode;

    /// <summary>Everything it printed so far.</summary>
    public string Output
    {
        get
        {
            lock (gate)
            {
                return output.ToString();
            }
        }
    }

    /// <summary>The end of what it printed, for messages.</summary>
    public string LastLines => string.Join('\n', Output.Split('\n').TakeLast(30));

    /// <summary>Waits for a line that holds a text; no longer than there is somebody to print it.</summary>
    public async Task<string> LineWith(string text)
    {
        TaskCompletionSource<string> found = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            if (output.ToString().Split('\n').FirstOrDefault(l => l.Contains(text, StringComparison.Ordinal)) is { } line)
            {
                return line;
            }

            waiting.Add((text, found));
        }

        using var limit = new CancellationTokenSource(Bound);
        try
        {
            await Task.WhenAny(found.Task, process.WaitForExitAsync(limit.Token));
            limit.Token.ThrowIfCancellationRequested();
            return found.Task.IsCompleted ? await found.Task : throw new InvalidOperationException($"{Name} ended with {process.ExitCode} before it printed '{text}'. Its last lines:\n{LastLines}");
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Name} did not print '{text}' within {Bound}. Its last lines:\n{LastLines}");
        }
    }

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> Exit()
    {
        using var limit = new CancellationTokenSource(Bound);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Name} did not end within {Bound}. Its last lines:\n{LastLines}");
        }
    }

    /// <summary>Sends a signal: KILL, TERM, INT, STOP, CONT.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        process.Dispose();
    }

    private void Receive(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (gate)
        {
            output.Append(line).Append('\n');
            foreach (var (_, found) in waiting.Where(w => line.Contains(w.Text, StringComparison.Ordinal)))
            {
                found.TrySetResult(line);
            }

            waiting.RemoveAll(w => line.Contains(w.Text, StringComparison.Ordinal));
        }
    }
}
