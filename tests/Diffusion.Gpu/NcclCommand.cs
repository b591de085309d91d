using System.Diagnostics;
using System.Runtime.InteropServices;
using Diffusion.Contracts.Configuration;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.Native.Collectives.Nccl;
using Diffusion.Native.Tests.Collectives.Nccl;
using TorchSharp;

namespace Diffusion.Gpu;

/// <summary><see cref="NcclCheck"/> on a GPU, or over the stand-in for NCCL that the tests build: <c>nccl [--device cuda:0] [--stand-in FILE]</c>.</summary>
internal static class NcclCommand
{
    public const string MemberVerb = "nccl-member";

    public static IEnumerable<CheckResult> Run(Options options)
    {
        string standIn = options["stand-in", ""];
        string device = standIn.Length > 0 ? "cpu" : options.Device;
        if (device == "cpu" && standIn.Length == 0)
        {
            return [new CheckResult("NCCL", Verdict.Skipped, "NCCL knows no processors")];
        }

        if (standIn.Length == 0 && !NcclLibrary.IsAvailable)
        {
            return [new CheckResult("NCCL", Verdict.Failed, NcclLibrary.WhyNot)];
        }

        return new NcclCheck(directory => Start(["--directory", directory, "--device", device, .. standIn.Length > 0 ? new[] { "--stand-in", standIn } : []])).Run();
    }

    /// <summary>One member, until its input ends.</summary>
    public static int Serve(Options options)
    {
        string device = options["device", "cuda:0"];
        string standIn = options["stand-in", ""];
        Func<IDeviceLane> open = () => CudaLane.Open(device) ?? throw new ConfigurationException("This build is on the published TorchSharp package, which knows no streams of GPUs. Build without -p:UsePackages.");
        if (standIn.Length > 0)
        {
            NcclLibrary.Use(standIn);
            nint library = NativeLibrary.Load(standIn);
            open = () => new StandInLane(library, device: 0);
        }

        GpuThread.Enter(device);
        using var member = new NcclMember(options["directory", "."], torch.device(device), open, Console.Out);
        return member.Serve(Console.In);
    }

    private static ProcessStartInfo Start(IEnumerable<string> options)
    {
        string program = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is unknown.");
        string[] itself = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        return new ProcessStartInfo(program, [.. itself, MemberVerb, .. options]);
    }
}
