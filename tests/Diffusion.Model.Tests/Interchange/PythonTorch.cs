using System.Diagnostics;

namespace Diffusion.Model.Tests.Interchange;

/// <summary>A theory that needs an interpreter with PyTorch.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonTorchTheoryAttribute : TheoryAttribute
{
    public PythonTorchTheoryAttribute()
    {
        if (PythonTorch.Interpreter is null)
        {
            Skip = "No python3 here imports torch and numpy. Install python3-torch.";
        }
    }
}

/// <summary>Scripts beside the tests, run by an interpreter with PyTorch.</summary>
internal static class PythonTorch
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    /// <summary>The system's interpreter first: that is where distribution packages are.</summary>
    public static string? Interpreter { get; } = new[] { "/usr/bin/python3", "python3" }.FirstOrDefault(CanImport);

    /// <summary>What the script prints, by lines.</summary>
    public static async Task<string[]> RunAsync(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo(Interpreter!, ["-B", Path.Combine(AppContext.BaseDirectory, "Interchange", script), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var bound = new CancellationTokenSource(Bound);
        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(bound.Token);
            string errors = await process.StandardError.ReadToEndAsync(bound.Token);
            await process.WaitForExitAsync(bound.Token);
            Assert.True(process.ExitCode == 0, errors);
            return (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static bool CanImport(string interpreter)
    {
        try
        {
            using var probe = Process.Start(new ProcessStartInfo(interpreter, ["-c", "import numpy, torch"]) { RedirectStandardError = true })!;
            return probe.WaitForExit(Bound) && probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
