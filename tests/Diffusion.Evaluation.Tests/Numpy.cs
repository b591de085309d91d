using System.Diagnostics;

namespace Diffusion.Evaluation.Tests;

/// <summary>A fact that needs an interpreter with NumPy.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NumpyFactAttribute : FactAttribute
{
    public NumpyFactAttribute() => Skip = Numpy.Interpreter is null ? "No python3 here imports numpy. Install python3-numpy." : null;
}

/// <summary>A fact that needs an interpreter with PyTorch.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PyTorchFactAttribute : FactAttribute
{
    public PyTorchFactAttribute() => Skip = Numpy.TorchInterpreter is null ? "No python3 here imports torch and numpy. Install python3-torch." : null;
}

/// <summary>Short scripts for the oracles of tests.</summary>
internal static class Numpy
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(90);

    public static string? Interpreter { get; } = Find("numpy");

    public static string? TorchInterpreter { get; } = Find("numpy, torch");

    /// <summary>What the script prints, by lines.</summary>
    public static async Task<string[]> RunAsync(string script, string? interpreter = null)
    {
        using var bound = new CancellationTokenSource(Bound);
        using var folder = new TemporaryFolder();

        // A file, because TorchScript is compiled from its source.
        await File.WriteAllTextAsync(folder.In("script.py"), script, bound.Token);
        using var process = Process.Start(new ProcessStartInfo(interpreter ?? Interpreter!, ["-B", folder.In("script.py")]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
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

    // The system's interpreter first: that is where distribution packages are.
    private static string? Find(string modules) => new[] { "/usr/bin/python3", "python3" }.FirstOrDefault(interpreter => CanImport(interpreter, modules));

    private static bool CanImport(string interpreter, string modules)
    {
        try
        {
            using var probe = Process.Start(new ProcessStartInfo(interpreter, ["-c", $"import {modules}"]) { RedirectStandardError = true })!;
            return probe.WaitForExit(Bound) && probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
