using System.Diagnostics;
using Diffusion.Gpu;
using Diffusion.Native.Collectives.Nccl;
using TorchSharp;
using Xunit.Abstractions;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>The check that a box with a GPU gets, over the stand-in: real processes, one of them killed, one of them stopped.</summary>
[Collection(RunsAlone.Name)]
public sealed class NcclCheckTests(ITestOutputHelper output)
{
    public const string MemberVerb = "nccl-member";

    [StandInFact]
    public void Run_TwoProcesses_PassesEveryRow()
    {
        var results = new NcclCheck(directory =>
        {
            var start = new ProcessStartInfo("dotnet", ["exec", typeof(NcclCheckTests).Assembly.Location, MemberVerb, directory, StandIn.Path]);
            start.Environment["DOTNET_TieredPGO"] = "0";
            return start;
        }).Run().ToArray();
        Array.ForEach(results, result => output.WriteLine(result.ToString()));
        Assert.Equal(6, results.Length);
        Assert.All(results, result => Assert.True(result.Verdict == Verdict.Passed, result.ToString()));
    }

    [StandInFact]
    public void WhyNot_LibraryIsTooOld_NamesItsVersionAndTheOldest()
    {
        var start = new ProcessStartInfo("dotnet", ["exec", typeof(NcclCheckTests).Assembly.Location, "nccl-why-not", StandIn.Path]) { RedirectStandardOutput = true };
        start.Environment["NCCL_STANDIN_VERSION"] = "21212";
        using var process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(30_000));
        Assert.Contains("2.12.12", said, StringComparison.Ordinal);
        Assert.Contains("2.14.0 is the oldest", said, StringComparison.Ordinal);
    }

    [StandInFact]
    public void WhyNot_LibraryIsMissing_SaysWhatBringsIt()
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(NcclCheckTests).Assembly.Location, "nccl-why-not", "/nowhere/libnccl.so.2"]) { RedirectStandardOutput = true })!;
        string said = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(30_000));
        Assert.Contains("/nowhere/libnccl.so.2", said, StringComparison.Ordinal);
        Assert.Contains("pip install", said, StringComparison.Ordinal);
    }

    /// <summary>The other end of these tests: this assembly as a process of its own.</summary>
    internal static int Serve(string[] arguments)
    {
        if (arguments[0] != MemberVerb)
        {
            NcclLibrary.Use(arguments[1]);
            System.Console.WriteLine(NcclLibrary.WhyNot);
            return 0;
        }

        NcclLibrary.Use(arguments[2]);
        nint library = System.Runtime.InteropServices.NativeLibrary.Load(arguments[2]);
        torch.set_num_threads(1);
        using var member = new NcclMember(arguments[1], torch.CPU, () => new StandInLane(library, device: 0), System.Console.Out);
        return member.Serve(System.Console.In);
    }
}
