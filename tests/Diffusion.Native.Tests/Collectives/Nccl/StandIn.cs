using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Diffusion.Native.Collectives.Nccl;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>The recording stand-in for NCCL, compiled when it is first needed and then used by the whole process.</summary>
internal static unsafe partial class StandIn
{
    private static readonly Lazy<(nint Handle, string Path)> Library = new(Load);

    /// <summary>Null, or why it cannot be built here.</summary>
    public static string? WhyNot => Compiler is null ? "No C++ compiler (c++ or g++) to build the stand-in for NCCL with: apt-get install g++." : null;

    public static string Path => Library.Value.Path;

    public static nint Handle => Library.Value.Handle;

    private static string? Compiler => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .SelectMany(folder => new[] { System.IO.Path.Combine(folder, "c++"), System.IO.Path.Combine(folder, "g++") }).FirstOrDefault(File.Exists);

    /// <summary>Forgets calls and faults, and asks for new ones; see standin.cpp for how they are written.</summary>
    public static void Begin(string faults = "")
    {
        ((delegate* unmanaged[Cdecl]<void>)Export("standin_reset"))();
        fixed (byte* text = Encoding.ASCII.GetBytes(faults + '\0'))
        {
            ((delegate* unmanaged[Cdecl]<byte*, void>)Export("standin_fault"))(text);
        }
    }

    /// <summary>The calls since <see cref="Begin"/>, of one rank or all: the function's name, and the rank where one is known.</summary>
    public static IReadOnlyList<string> Calls(int? rank = null) => [.. Lines(0).Where(line => rank is null || line.EndsWith($" r{rank}", StringComparison.Ordinal)).Select(line => rank is null ? line : line.Split(' ')[0])];

    /// <summary>What nobody may do with NCCL and somebody did.</summary>
    public static IReadOnlyList<string> Violations() => Lines(1);

    public static nint Export(string name) => NativeLibrary.GetExport(Library.Value.Handle, name);

    private static string[] Lines(int wrong)
    {
        var read = (delegate* unmanaged[Cdecl]<int, byte*, long, long>)Export("standin_calls");
        byte[] text = new byte[read(wrong, null, 0)];
        fixed (byte* first = text)
        {
            long now = read(wrong, first, text.Length);
            return Encoding.ASCII.GetString(text, 0, (int)Math.Min(now, text.Length)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
    }

    private static (nint Handle, string Path) Load()
    {
        string source = System.IO.Path.Combine(AppContext.BaseDirectory, "Collectives/Nccl/standin.cpp");
        string digest = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(source)))[..12];
        string path = System.IO.Path.Combine(AppContext.BaseDirectory, $"libnccl-standin-{digest}.so");
        if (!File.Exists(path))
        {
            Compile(source, path);
        }

        NcclLibrary.Use(path);
        return (NativeLibrary.Load(path), path);
    }

    private static void Compile(string source, string path)
    {
        string unfinished = $"{path}.{Environment.ProcessId}";
        var start = new ProcessStartInfo(Compiler!, ["-std=c++17", "-O1", "-shared", "-fPIC", "-pthread", "-o", unfinished, source]) { RedirectStandardError = true };
        using var compiler = Process.Start(start)!;
        string errors = compiler.StandardError.ReadToEnd();
        Assert.True(compiler.WaitForExit(120_000) && compiler.ExitCode == 0, $"The stand-in does not compile: {errors}");
        File.Move(unfinished, path, overwrite: true);
    }
}

/// <summary>A test over the stand-in.</summary>
internal sealed class StandInFactAttribute : FactAttribute
{
    public StandInFactAttribute() => Skip = StandIn.WhyNot!;
}

/// <summary>A test over the stand-in, with data.</summary>
internal sealed class StandInTheoryAttribute : TheoryAttribute
{
    public StandInTheoryAttribute() => Skip = StandIn.WhyNot!;
}
