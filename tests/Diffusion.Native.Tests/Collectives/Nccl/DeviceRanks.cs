using Diffusion.Native.Collectives;
using Diffusion.Native.Collectives.Nccl;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>Runs the ranks of a group, each with a device of the stand-in, as threads, and hands back what each threw.</summary>
internal static class DeviceRanks
{
    public static readonly NcclOptions Quick = new() { ConnectTimeout = TimeSpan.FromSeconds(10), EndTimeout = TimeSpan.FromSeconds(5) };

    /// <param name="size">Number of ranks.</param>
    /// <param name="body">What each does.</param>
    /// <param name="withHost">Whether memory of the CPU has a transport of its own.</param>
    /// <param name="options">Times.</param>
    /// <param name="store">Where the ranks meet.</param>
    public static Exception?[] Run(int size, Action<NcclTransport> body, bool withHost = true, NcclOptions? options = null, IRendezvousStore? store = null)
    {
        var host = LocalTransport.CreateGroup(size);
        store ??= new InMemoryRendezvousStore();
        var failures = new Exception?[size];
        var threads = Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                using var transport = NcclTransport.Connect(rank, size, withHost ? host[rank] : null, new StandInLane(StandIn.Handle, rank), store, "g0", options ?? Quick, CancellationToken.None);
                body(transport);
            }
            catch (Exception e)
            {
                failures[rank] = e;
            }
        })
        { IsBackground = true }).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Assert.All(threads, thread => Assert.True(thread.Join(Ranks.Patience), "A rank hangs."));
        return failures;
    }

    public static void RunAll(int size, Action<NcclTransport> body, bool withHost = true)
    {
        Assert.All(Run(size, body, withHost), failure => Assert.True(failure is null, failure?.ToString()));
        Assert.Empty(StandIn.Violations());
    }
}
