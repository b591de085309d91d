using Diffusion.Native;
using Diffusion.Native.Collectives;

namespace Diffusion.Benchmarks;

/// <summary>The exact tree sum over two ranks, in this process and over gloo's TCP transport, against copying the gradient once.</summary>
internal static class AllReduceBenchmark
{
    private const int Ranks = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static void Run(Options options)
    {
        int floats = options["floats", 1 << 20];
        int rounds = options["rounds", 50];
        var layout = new ArenaLayout([("gradient", new long[] { floats })]);
        float[] from = new float[floats];
        float[] to = new float[floats];
        var contestants = new List<Contestant>
        {
            new("copy", () => Repeat(rounds, () => from.CopyTo(to, 0))),
            new("local, 2 threads", () => All(rounds, layout, LocalTransport.CreateGroup(Ranks))),
        };
        if (GlooTransport.IsAvailable)
        {
            contestants.Add(new("gloo, 2 threads over loopback, with connecting", () => All(rounds, layout, Connect())));
        }
        else
        {
            Console.WriteLine($"No gloo: {CpuEnvironment.Gloo}");
        }

        Console.WriteLine($"{floats * 4 / 1e6:F1} MB, {rounds} rounds per turn");
        Paired.Print(options["turns", 7], contestants, rounds * floats * 4e-9, "GB");
    }

    private static void Repeat(int rounds, Action action)
    {
        for (int round = 0; round < rounds; round++)
        {
            action();
        }
    }

    private static GlooTransport[] Connect()
    {
        var store = new InMemoryRendezvousStore();
        var transports = new GlooTransport[Ranks];
        OnThreads(rank => transports[rank] = GlooTransport.Connect(rank, Ranks, store, "benchmark", null, CancellationToken.None));
        return transports;
    }

    private static void All(int rounds, ArenaLayout layout, IReadOnlyList<IPeerTransport> transports)
    {
        var plan = new ShardPlan(Ranks, [1, 1]);
        OnThreads(rank =>
        {
            using var transport = transports[rank];
            using var gradient = new Arena(layout);
            using var sum = new Arena(layout);
            using var reduce = new TreeAllReduce(transport, plan, layout.Length);
            ShardPartial[] partials = [new(plan[rank].SubTrees()[0], gradient)];
            Repeat(rounds, () => reduce.Run(partials, sum, Patience, CancellationToken.None));
        });
    }

    private static void OnThreads(Action<int> body)
    {
        var threads = Enumerable.Range(0, Ranks).Select(rank => new Thread(() => body(rank))).ToArray();
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
    }
}
