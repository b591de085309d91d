using System.Diagnostics;

namespace Diffusion.Snapshots.Tests.Faults;

/// <summary>A test that preloads the fault shim into a process of its own.</summary>
internal sealed class FaultFactAttribute : FactAttribute
{
    public FaultFactAttribute() => Skip = Reason!;

    public static string? Reason => !OperatingSystem.IsLinux() ? "preloading is Linux only" : FaultProcess.Shim is null ? "the fault shim could not be compiled: install gcc" : null;
}

/// <summary>As <see cref="FaultFactAttribute"/>, for several cases.</summary>
internal sealed class FaultTheoryAttribute : TheoryAttribute
{
    public FaultTheoryAttribute() => Skip = FaultFactAttribute.Reason!;
}

/// <summary>A test that mounts a small tmpfs.</summary>
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip = CanMount() ? null! : "mounting a tmpfs is not permitted here: run as root";

    private static bool CanMount()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        using var directory = new TemporaryDirectory();
        if (!FaultProcess.Succeeds("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory.Root))
        {
            return false;
        }

        return FaultProcess.Succeeds("umount", directory.Root);
    }
}

/// <summary>Starts this assembly as a process with the shim in it.</summary>
internal static class FaultProcess
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly Lazy<string?> Compiled = new(Compile);

    public static string? Shim => Compiled.Value;

    public static int Run(string directory, int at, string mode, string? log, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(typeof(FaultProcess).Assembly.Location);
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["LD_PRELOAD"] = Shim;
        start.Environment["FAULT_DIR"] = directory;
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["FAULT_AT"] = at.ToString(System.Globalization.CultureInfo.InvariantCulture);
        start.Environment["FAULT_MODE"] = mode;
        start.Environment["FAULT_LOG"] = log;
        return Run(start);
    }

    public static bool Succeeds(string program, params string[] arguments)
    {
        try
        {
            return Run(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true }) == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // No such program.
        }
    }

    private static int Run(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"'{start.FileName} {string.Join(' ', start.ArgumentList)}' did not end within {Limit}.");
        }

        // Unhandled exceptions abort (134): their text is the best message a failing test can have.
        return process.ExitCode is 134 ? throw new InvalidOperationException(error.GetAwaiter().GetResult()) : process.ExitCode;
    }

    private static string? Compile()
    {
        string library = Path.Combine(Directory.CreateTempSubdirectory("fault-shim-").FullName, "shim.so");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Path.GetDirectoryName(library)!, recursive: true);
        return Succeeds("gcc", "-O1", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "Faults", "fault_shim.c"), "-ldl") ? library : null;
    }
}
