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

    /// <summary>Waits for a line that holds a text.</summary>
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

        try
        {
            return await found.Task.WaitAsync(Bound);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{Name} did not print '{text}' within {Bound}. It printed:\n{Output}");
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
            throw new TimeoutException($"{Name} did not end within {Bound}. It printed:\n{Output}");
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
