using System.Runtime.InteropServices;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Session;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Tests.Session;

/// <summary>What the ranks of a test share: gates that hold steps, hooks that break them, and what they did.</summary>
internal sealed class FakeWorld
{
    private readonly Lock gate = new();
    private readonly List<(long Step, TaskCompletionSource Reached)> waits = [];
    private readonly Dictionary<long, ManualResetEventSlim> holds = [];

    public int Steps { get; init; } = 20;

    public int BatchSize { get; init; } = 8;

    /// <summary>Highest step completed by anybody.</summary>
    public long Highest { get; private set; }

    /// <summary>Steps a generation began with.</summary>
    public List<(long Generation, int Ranks, long FirstStep)> Generations { get; } = [];

    /// <summary>Completes when some rank has completed the step.</summary>
    public Task Reached(long step)
    {
        lock (gate)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (Highest >= step)
            {
                reached.SetResult();
            }
            else
            {
                waits.Add((step, reached));
            }

            return reached.Task;
        }
    }

    /// <summary>Lets nobody begin the step after this one before it is released.</summary>
    public ManualResetEventSlim Hold(long step)
    {
        lock (gate)
        {
            return holds[step] = new ManualResetEventSlim();
        }
    }

    public void Completed(long step, CancellationToken cancellationToken)
    {
        ManualResetEventSlim? hold;
        lock (gate)
        {
            Highest = Math.Max(Highest, step);
            foreach (var (_, reached) in waits.Where(wait => wait.Step <= step))
            {
                reached.TrySetResult();
            }

            holds.TryGetValue(step, out hold);
        }

        hold?.Wait(cancellationToken);
    }

    public void Began(long generation, int ranks, long step)
    {
        lock (gate)
        {
            if (!Generations.Any(known => known.Generation == generation))
            {
                Generations.Add((generation, ranks, step));
            }
        }
    }
}

/// <summary>A rank whose state is its step count. It exchanges a record per step with all others, as the real one does.</summary>
internal sealed class FakeRankTrainer(FakeWorld world, ITrainingObserver observer, Action<long>? beforeStep = null) : IRankTrainer
{
    private readonly Lock gate = new();
    private CancellationTokenSource? generation;
    private IPeerTransport? transport;
    private int pause;

    public long CompletedStep { get; private set; } = -1;

    public string LayoutDigest => "fake";

    /// <summary>Tests of silent corruption set it.</summary>
    public string? ForgedDigest { get; set; }

    public string StateDigest() => CompletedStep < 0 ? "" : ForgedDigest ?? $"state-{CompletedStep}";

    public GenerationResult Run(GenerationRequest request, CancellationToken cancellationToken)
    {
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (gate)
        {
            generation = cancellation;
            pause = 0;
        }

        try
        {
            observer.PhaseChanged(request.Rank, WorkerPhase.Connecting, CompletedStep);
            using var connected = request.Connect(cancellation.Token);
            lock (gate)
            {
                transport = connected;
            }

            // Everybody gets to the highest step, as by a broadcast from who holds it.
            CompletedStep = Math.Max(0, Gather(connected, request, CompletedStep, cancellation.Token).Max());
            world.Began(request.Number, request.RankCount, CompletedStep);
            return Train(connected, request, cancellation.Token);
        }
        catch (CollectiveException e) when (e.Failure != CollectiveFailure.Aborted)
        {
            return new GenerationResult(GenerationEnd.CollectiveFailed, e.Message, CompletedStep, e.PeerRank ?? -1);
        }
        catch (Exception e) when (e is CollectiveException or OperationCanceledException || cancellation.IsCancellationRequested)
        {
            return new GenerationResult(GenerationEnd.Aborted, e.Message, CompletedStep);
        }
        finally
        {
            lock (gate)
            {
                generation = null;
                transport = null;
            }
        }
    }

    public string Rescue() => $"Step {CompletedStep} is saved, says a test.";

    public void RequestPause(bool save) => Interlocked.Or(ref pause, save ? 3 : 1);

    public void Abort(string reason)
    {
        lock (gate)
        {
            transport?.Abort(reason);
            generation?.Cancel();
        }
    }

    public void Dispose()
    {
    }

    private GenerationResult Train(IPeerTransport connected, GenerationRequest request, CancellationToken cancellationToken)
    {
        while (CompletedStep < world.Steps)
        {
            observer.PhaseChanged(request.Rank, WorkerPhase.Compute, CompletedStep);
            beforeStep?.Invoke(CompletedStep);
            observer.PhaseChanged(request.Rank, WorkerPhase.Reduce, CompletedStep);
            long wishes = Gather(connected, request, Volatile.Read(ref pause), cancellationToken).Aggregate((all, wish) => all | wish);
            SumOnDevices(connected, request, cancellationToken);
            CompletedStep++;
            long images = CompletedStep * world.BatchSize;
            int own = request.Shards[request.Rank].Count * world.BatchSize / request.Shards.ShardCount;
            observer.StepCompleted(request.Rank, new StepReport(CompletedStep, images, own, 1.0 / CompletedStep, 0.01, TimeSpan.FromMilliseconds(1), TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMilliseconds(1)));
            if (request.Writes)
            {
                observer.StatusLine(images, $$"""{"images_seen": {{images}}}""");
            }

            if (wishes != 0)
            {
                if ((wishes & 2) != 0 && request.Writes)
                {
                    observer.CheckpointSaved(images, $"checkpoint-{CompletedStep}", 1, TimeSpan.FromMilliseconds(1));
                }

                return new GenerationResult(GenerationEnd.Paused, "Paused as asked.", CompletedStep);
            }

            world.Completed(CompletedStep, cancellationToken);
        }

        return new GenerationResult(GenerationEnd.Finished, "The last step is done.", CompletedStep);
    }

    /// <summary>Where ranks have devices, these count one another.</summary>
    private static unsafe void SumOnDevices(IPeerTransport connected, GenerationRequest request, CancellationToken cancellationToken)
    {
        if (connected.Device is not { } link)
        {
            return;
        }

        nint one = link.Lane.Allocate(1);
        *(float*)one = 1;
        link.AllReduce(one, 1, request.CollectiveTimeout);
        link.Await(request.CollectiveTimeout, cancellationToken);
        Assert.Equal(request.RankCount, *(float*)one);
    }

    /// <summary>One number from every rank, in rank order.</summary>
    private static unsafe long[] Gather(IPeerTransport connected, GenerationRequest request, long value, CancellationToken cancellationToken)
    {
        var values = new long[request.RankCount];
        values[request.Rank] = value;
        fixed (long* first = values)
        {
            nint address = (nint)first;
            var peers = Enumerable.Range(0, request.RankCount).Where(rank => rank != request.Rank).ToArray();
            var sends = peers.Select(peer => new Transfer(peer, 1, address + (request.Rank * sizeof(long)), sizeof(long))).ToArray();
            var receives = peers.Select(peer => new Transfer(peer, 1, address + (peer * sizeof(long)), sizeof(long))).ToArray();
            connected.Exchange(sends, receives, request.CollectiveTimeout, cancellationToken);
        }

        return values;
    }
}
