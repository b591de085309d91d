using System.Diagnostics;

namespace Diffusion.Serving.Tests;

/// <summary>A fact that needs curl.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CurlFactAttribute : FactAttribute
{
    public CurlFactAttribute() => Skip = Programs.CanRun("curl", "--version") ? null! : "There is no curl here.";
}

/// <summary>A fact that needs an interpreter with grpcio and protobuf.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonGrpcFactAttribute : FactAttribute
{
    /// <param name="needs">Another module it needs.</param>
    public PythonGrpcFactAttribute(string needs = "sys") => Skip = Programs.CanRun("/usr/bin/python3", "-c", $"import grpc, google.protobuf, {needs}") ? null! : $"No python3 here imports grpc, google.protobuf and {needs}. Install python3-grpcio, python3-protobuf and python3-numpy.";
}

/// <summary>Other people's programs.</summary>
internal static class Programs
{
    public static bool CanRun(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardOutput.ReadToEnd();
            return process.WaitForExit(TimeSpan.FromSeconds(20)) && process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    public static async Task<(int Exit, string Output)> RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        try
        {
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, output + await errors);
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

/// <summary>curl.</summary>
internal static class Curl
{
    public static Task<(int Exit, string Output)> RunAsync(CancellationToken cancellationToken, params string[] arguments) => Programs.RunAsync("curl", arguments, cancellationToken);
}
