using System.Diagnostics;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Health.V1;
using Probe.V1;

namespace Grpc.Tests.Interop;

/// <summary>A fact that needs an interpreter with grpcio and protobuf.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonGrpcFactAttribute : FactAttribute
{
    public PythonGrpcFactAttribute()
    {
        if (PythonProcess.Interpreter is null)
        {
            Skip = "No python3 here imports grpc and google.protobuf. Install python3-grpcio and python3-protobuf.";
        }
    }
}

/// <summary>One of the scripts in this folder, with the descriptors of the services it speaks.</summary>
internal sealed class PythonProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly string descriptors;
    private readonly Task<string> errors;

    public PythonProcess(string script, params string[] arguments)
    {
        descriptors = Path.GetTempFileName();
        File.WriteAllBytes(descriptors, Descriptors().ToByteArray());
        var start = new ProcessStartInfo(Interpreter!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.Combine(AppContext.BaseDirectory, "Interop"),
        };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        foreach (var argument in (string[])[script, descriptors, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        process = Process.Start(start)!;
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The system's interpreter first: that is where distribution packages are.</summary>
    public static string? Interpreter { get; } = new[] { "/usr/bin/python3", "python3" }.FirstOrDefault(CanImport);

    public Task<string?> ReadLineAsync() => process.StandardOutput.ReadLineAsync();

    /// <summary>Output and errors, when the script has ended.</summary>
    public async Task<(int ExitCode, string Output)> EndAsync(CancellationToken cancellationToken)
    {
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, output + await errors);
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        await process.WaitForExitAsync();
        process.Dispose();
        File.Delete(descriptors);
    }

    private static FileDescriptorSet Descriptors() => new()
    {
        File =
        {
            ProbeServiceReflection.Descriptor.ToProto(),
            HealthReflection.Descriptor.ToProto(),
            Reflection.V1.ReflectionReflection.Descriptor.ToProto(),
            Reflection.V1Alpha.ReflectionReflection.Descriptor.ToProto(),
        },
    };

    private static bool CanImport(string interpreter)
    {
        try
        {
            using var probe = Process.Start(new ProcessStartInfo(interpreter, ["-c", "import grpc, google.protobuf"]) { RedirectStandardError = true })!;
            return probe.WaitForExit(TimeSpan.FromSeconds(20)) && probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
