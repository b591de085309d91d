using System.Diagnostics;

namespace Diffusion.Cli.Tests;

/// <summary>What a process said and how it ended.</summary>
internal sealed record ProcessResult(int ExitCode, string Output, string Errors);

/// <summary>Runs the built program as a user does.</summary>
internal static class DiffusionProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task<ProcessResult> RunAsync(string workingDirectory, params string[] arguments) =>
        RunAsync(System.IO.Path.Combine(AppContext.BaseDirectory, "diffusion"), workingDirectory, arguments);

    /// <summary>For what takes longer than a minute on a busy machine.</summary>
    public static Task<ProcessResult> RunAsync(TimeSpan limit, string workingDirectory, params string[] arguments) =>
        RunAsync(System.IO.Path.Combine(AppContext.BaseDirectory, "diffusion"), workingDirectory, arguments, limit);

    public static async Task<ProcessResult> RunAsync(string program, string workingDirectory, string[] arguments, TimeSpan? atMost = null)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = workingDirectory, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(atMost ?? Limit);
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var errors = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.WaitForExitAsync(limit.Token);
            return new ProcessResult(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
