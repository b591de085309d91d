using System.Diagnostics;
using System.Globalization;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.Native.Collectives.Nccl;
using TorchSharp;

namespace Diffusion.Gpu;

/// <summary>One member of <see cref="NcclCheck"/>: a process that keeps its state from generation to generation and does what its input says.</summary>
/// <remarks>
/// Lines in: <c>generation NUMBER RANK SIZE LAST-STEP exact|fast</c>, <c>abort</c>, <c>forget</c>, and the end. Lines out: <c>step NUMBER DIGEST</c>, <c>done DIGEST</c>, <c>released REASON</c>.
/// The "training" is a sum of gradients that the step and the shard decide, added to the state: its bits depend on every step and on the order of every addition.
/// </remarks>
internal sealed class NcclMember(string directory, torch.Device device, Func<IDeviceLane> openLane, TextWriter output) : IDisposable
{
    public const int Shards = 8;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly ArenaLayout Layout = new([("weights", [300_007])]);
    private readonly Arena state = new(Layout, device);
    private readonly Arena gradient = new(Layout, device);
    private readonly Lock gate = new();
    private IPeerTransport? transport;
    private long completed = -1;

    /// <summary>Reads orders until there are no more. Aborts come while a generation runs, so orders are read beside it.</summary>
    public int Serve(TextReader input)
    {
        Thread? running = null;
        while (input.ReadLine() is { } line)
        {
            if (line == "abort")
            {
                lock (gate)
                {
                    transport?.Abort("The other member is gone.");
                }

                continue;
            }

            running?.Join();
            if (line == "forget")
            {
                state.Zero();
                completed = -1;
                continue;
            }

            string[] words = line.Split(' ');
            int[] numbers = [.. words[1..5].Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            running = new Thread(() => Run(numbers[0], numbers[1], numbers[2], numbers[3], exact: words[5] == "exact")) { IsBackground = true };
            running.Start();
        }

        return 0;
    }

    public void Dispose()
    {
        state.Dispose();
        gradient.Dispose();
    }

    private void Run(int generation, int rank, int size, int lastStep, bool exact)
    {
        try
        {
            using (var connected = NcclTransport.Connect(
                rank, size, host: null, openLane(), new FileStore(directory), FormattableString.Invariant($"generation-{generation}"), new NcclOptions { Stuck = Say }, CancellationToken.None))
            {
                lock (gate)
                {
                    transport = connected;
                }

                Synchronise(connected);
                Train(connected, lastStep, exact);
            }

            Say($"done {Digest()}");
        }
        catch (Exception e) when (e is CollectiveException or DeviceFailedException or PlatformNotSupportedException)
        {
            Say($"released {e.Message.ReplaceLineEndings(" ")}");
        }
        finally
        {
            lock (gate)
            {
                transport = null;
            }
        }
    }

    // Who has done the most steps gives its state to all: as a run does, but device to device.
    private void Synchronise(NcclTransport connected)
    {
        long[] steps = connected.AllGather(completed, Longest, CancellationToken.None);
        int root = Array.IndexOf(steps, steps.Max());
        var link = connected.Device;
        nint address = link.Lane.AddressOf(state);
        int[] behind = [.. Enumerable.Range(0, connected.Size).Where(peer => steps[peer] < steps[root])];
        var part = new Transfer(root, Tags.Device, address, Layout.Length * sizeof(float));
        link.Lane.Follow();
        link.Exchange(
            connected.Rank == root ? [.. behind.Select(peer => part with { Peer = peer })] : [],
            behind.Contains(connected.Rank) ? [part] : [], gather: null, Longest);
        link.Lane.Lead();
        link.Await(Longest, CancellationToken.None);
        completed = Math.Max(0, steps[root]);
    }

    private void Train(NcclTransport connected, int lastStep, bool exact)
    {
        var plan = ShardPlan.Even(Shards, connected.Size);
        var options = new AllReduceOptions { BucketBytes = 1 << 18 };
        using var accumulator = new ShardAccumulator(Layout, device, threads: 1);
        using var tree = new TreeAllReduce(connected, plan, Layout.Length, options);
        using var fast = new FastAllReduce(connected, Layout.Length, options);
        while (completed < lastStep)
        {
            if (exact)
            {
                accumulator.Begin(plan[connected.Rank]);
                foreach (int shard in Own(plan, connected.Rank))
                {
                    Draw(shard);
                    accumulator.Add(shard, gradient);
                }

                tree.Run(accumulator.Partials, gradient, Longest, CancellationToken.None);
            }
            else
            {
                DrawSum(Own(plan, connected.Rank));
                fast.Run(gradient, gradient, Longest, CancellationToken.None);
            }

            ArenaKernels.Add(state, state, gradient, threads: 1);
            completed++;
            Say(FormattableString.Invariant($"step {completed} {Digest()}"));
        }
    }

    private static IEnumerable<int> Own(ShardPlan plan, int rank) => Enumerable.Range(plan[rank].Start, plan[rank].Count);

    private void Draw(int shard)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator((ulong)((completed * Shards) + shard + 1));
        gradient.Flat.copy_(torch.randn([Layout.Length], generator: generator));
    }

    private void DrawSum(IEnumerable<int> shards)
    {
        using var sum = new Arena(Layout, device);
        foreach (int shard in shards)
        {
            Draw(shard);
            ArenaKernels.Add(sum, sum, gradient, threads: 1);
        }

        gradient.CopyFrom(sum);
    }

    private string Digest() => FormattableString.Invariant($"{ArenaKernels.Digest(state, threads: 1):x16}");

    private void Say(string line)
    {
        lock (output)
        {
            output.WriteLine(line);
            output.Flush();
        }
    }

    /// <summary>A file per key; the members of the check share a box.</summary>
    private sealed class FileStore(string directory) : IRendezvousStore
    {
        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

        public void Set(string key, ReadOnlySpan<byte> value)
        {
            string path = PathOf(key);
            File.WriteAllBytes(path + ".new", value.ToArray());
            File.Move(path + ".new", path);
        }

        public byte[] Get(string key, TimeSpan timeout, CancellationToken cancellationToken)
        {
            string path = PathOf(key);
            long started = Stopwatch.GetTimestamp();
            while (!File.Exists(path))
            {
                if (Stopwatch.GetElapsedTime(started) > timeout)
                {
                    throw new TimeoutException($"{path} did not appear within {timeout.TotalSeconds:0.###} s.");
                }

                cancellationToken.WaitHandle.WaitOne(Pause);
                cancellationToken.ThrowIfCancellationRequested();
            }

            return File.ReadAllBytes(path);
        }

        private string PathOf(string key) => Path.Combine(directory, key.Replace('/', '_'));
    }
}
