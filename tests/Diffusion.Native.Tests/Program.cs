using Diffusion.Native.Tests.Collectives;
using Diffusion.Native.Tests.Collectives.Nccl;

namespace Diffusion.Native.Tests;

/// <summary>Entry point when the test assembly runs as one rank of a group of processes; the test runner never comes here.</summary>
internal static class Program
{
    public static int Main(string[] arguments) => arguments.FirstOrDefault()?.StartsWith("nccl-", StringComparison.Ordinal) == true ? NcclCheckTests.Serve(arguments) : RankProcess.Run(arguments);
}
