using System.Diagnostics;
using System.Globalization;
using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>One rank of a group of processes: reduces until something fails, then once more with the survivors.</summary>
internal static unsafe class RankProcess
{
    public const string Verb = "gloo-rank";
    private const int ShardCount = 16;
    private const int Length = 200_000;

    /// <summary>gloo-rank RANK SIZE DIRECTORY DEADLINE_MS STEPS SURVIVORS, the last a comma-separated list of ranks or "none".</summary>
    public static int Run(string[] arguments)
    {
        if (arguments.Length != 7 || arguments[0] != Verb)
        {
            Say($"usage: {Verb} RANK SIZE DIRECTORY DEADLINE_MS STEPS SURVIVORS");
            return 2;
        }

        int rank = Number(arguments[1]);
        int size = Number(arguments[2]);
        var store = new FileRendezvousStore(arguments[3]);
        var deadline = TimeSpan.FromMilliseconds(Number(arguments[4]));
        int steps = Number(arguments[5]);
        int[] survivors = arguments[6] == "none" ? [] : [.. arguments[6].Split(',').Select(Number)];
        if (Reduce(rank, size, store, "g1", deadline, steps) && survivors.Length > 0)
        {
            return 3;
        }

        if (survivors.Length > 0)
        {
            return Reduce(Array.IndexOf(survivors, rank), survivors.Length, store, "g2", deadline, steps: 3) ? 0 : 4;
        }

        return 0;
    }

    /// <summary>What every completed step gives, on any number of ranks.</summary>
    public static ulong ExpectedDigest()
    {
        var sum = Numbers.TreeSum(Numbers.Shards(ShardCount, Length, seed: 1), 0, ShardCount);
        fixed (float* first = sum)
        {
            return ContentDigest.Compute((nint)first, Length * sizeof(float), threads: 1);
        }
    }

    private static bool Reduce(int rank, int size, FileRendezvousStore store, string generation, TimeSpan deadline, int steps)
    {
        var plan = ShardPlan.Even(ShardCount, size);
        var partials = plan[rank].SubTrees()
            .Select(node => Numbers.TreeSum(Enumerable.Range(0, ShardCount).Select(shard => Numbers.Shard(shard, Length, seed: 1)).ToArray(), node.Start, node.End))
            .Select(sum => sum.AsSpan().ToArray()).ToArray();
        var pinned = partials.Select(partial => System.Runtime.InteropServices.GCHandle.Alloc(partial, System.Runtime.InteropServices.GCHandleType.Pinned)).ToArray();
        var addresses = pinned.Select(handle => handle.AddrOfPinnedObject()).ToArray();
        var result = GC.AllocateUninitializedArray<float>(Length, pinned: true);
        long started = Stopwatch.GetTimestamp();
        try
        {
            using var transport = GlooTransport.Connect(rank, size, store, generation, null, CancellationToken.None);
            using var reduce = new TreeAllReduce(transport, plan, Length, new AllReduceOptions { BucketBytes = 1 << 16 });
            fixed (float* destination = result)
            {
                for (int step = 0; step < steps; step++)
                {
                    started = Stopwatch.GetTimestamp();
                    reduce.Run(addresses, (nint)destination, deadline, CancellationToken.None);
                    Say($"{generation} step {step} digest {ContentDigest.Compute((nint)destination, Length * sizeof(float), threads: 1):x16}");
                }
            }

            return true;
        }
        catch (CollectiveException e)
        {
            Say($"{generation} failed {e.Failure} peer {e.PeerRank} after {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms: {e.Message}");
            return false;
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static void Say(string line)
    {
        Console.Out.WriteLine(line);
        Console.Out.Flush();
    }
}
