using System.Diagnostics;
using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>Runs the ranks of a group as threads, each with a bound, and hands back what each threw.</summary>
internal static class Ranks
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static Exception?[] Run(string kind, int size, Action<IPeerTransport> body)
    {
        var local = kind == "local" ? LocalTransport.CreateGroup(size) : null;
        var store = new InMemoryRendezvousStore();
        var failures = new Exception?[size];
        var threads = Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                using IPeerTransport transport = local is not null ? local[rank] : GlooTransport.Connect(rank, size, store, "g0", null, CancellationToken.None);
                body(transport);
            }
            catch (Exception e)
            {
                failures[rank] = e;
            }
        })
        { IsBackground = true }).ToArray();
        foreach (var thread in threads)
        {
            thread.Start();
        }

        foreach (var thread in threads)
        {
            Assert.True(thread.Join(Patience), "A rank hangs.");
        }

        return failures;
    }

    public static void RunAll(string kind, int size, Action<IPeerTransport> body) =>
        Assert.All(Run(kind, size, body), failure => Assert.Null(failure));

    public static TimeSpan Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start);
    }
}

/// <summary>A test that needs gloo's library.</summary>
internal sealed class GlooFactAttribute : FactAttribute
{
    public GlooFactAttribute() => Skip = GlooTransport.IsAvailable ? null! : CpuEnvironment.Gloo;
}

/// <summary>Test data "local" and, where its library is, "gloo".</summary>
internal static class Transports
{
    public static IEnumerable<string> Kinds => GlooTransport.IsAvailable ? ["local", "gloo"] : ["local"];

    public static TheoryData<string> All => [.. Kinds];
}
