using System.Buffers.Binary;
using System.Security.Cryptography;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Native;
using Diffusion.Native.Collectives;
using Diffusion.Worker.Faults;
using TorchSharp;
using ImageShape = Diffusion.Model.Networks.ImageShape;

namespace Diffusion.Worker.Training;

/// <summary>Everything that a step changes: weights, Adam's moments, averages and two counters. The same bits on every rank after every step.</summary>
/// <remarks>One arena each; the network's parameters are views of <see cref="Weights"/>, their gradients views of <see cref="Gradients"/>.</remarks>
internal sealed class ReplicaState : IDisposable
{
    /// <summary>Name of <see cref="Buffers"/> among <see cref="Arenas"/>.</summary>
    public const string BuffersName = "buffers";

    private readonly ArenaParameters parameters;
    private readonly int threads;
    private readonly long seed;
    private readonly long lastStep;
    private readonly LossScale firstLossScale;

    // Part of another rank's state has come over this one's, and not the rest.
    private bool isTorn;

    /// <summary>Allocates everything and draws the initial weights, so that the same seed is the same network everywhere.</summary>
    /// <param name="config">The run.</param>
    /// <param name="images">What the network sees of an image.</param>
    /// <param name="device">libtorch's name of the device that holds all of it.</param>
    public ReplicaState(RunConfig config, ImageShape images, string device = "cpu")
    {
        threads = config.Training.ThreadsPerRank;
        seed = config.Seed;
        lastStep = config.Training.DurationImages / config.Training.BatchSize;
        firstLossScale = new LossScale(config.Training.LossScale, 0);
        LossScale = firstLossScale;
        Device = torch.device(device);
        Network = ModelParts.CreateNetwork(ModelOptions.Of(config, images));
        Network.Precision = PrecisionOn(Device, config.Training.Precision);
        DrawWeights();
        Layout = new ArenaLayout(Network.Parameters.Select(p => (p.Name, p.Shape)));
        Weights = new Arena(Layout, Device);
        Gradients = new Arena(Layout, Device);
        FirstMoment = new Arena(Layout, Device);
        SecondMoment = new Arena(Layout, Device);
        Buffers = BindBuffers();
        Averages = [.. AverageTrack.Of(config).Select(track => new TrackedAverage(track, new Arena(Layout, Device)))];
        parameters = ArenaParameters.Bind(Weights, Gradients);
        using (torch.no_grad())
        {
            for (int slot = 0; slot < parameters.Count; slot++)
            {
                parameters[slot].copy_(Network.Parameters[slot].Value);
                Network.Parameters[slot].Value = parameters[slot];
            }
        }

        StartAverages();
    }

    /// <summary>Where everything is.</summary>
    public torch.Device Device { get; }

    public INetwork Network { get; }

    public ArenaLayout Layout { get; }

    public Arena Weights { get; }

    public Arena Gradients { get; }

    /// <summary>The network's fixed tensors; null if it has none. They never change, but a run may have started with others than its seed draws.</summary>
    public Arena? Buffers { get; }

    public Arena FirstMoment { get; }

    public Arena SecondMoment { get; }

    public IReadOnlyList<TrackedAverage> Averages { get; }

    /// <summary>Steps of the run that are part of this state; -1 while it is not known to be the run's.</summary>
    public long CompletedStep { get; set; } = -1;

    /// <summary>Updates that Adam has made: <see cref="CompletedStep"/> less the skipped ones.</summary>
    public long AdamSteps { get; set; }

    /// <summary>Skipped steps in a row, up to now.</summary>
    public long SkippedInARow { get; set; }

    /// <summary>Factor on the loss of the step to come.</summary>
    public LossScale LossScale { get; set; }

    /// <summary>Chain of the images that made this state, see <see cref="Training.ConsumedImages"/>.</summary>
    public long ConsumedImages { get; set; }

    /// <summary>Whether the weights have already been normalised for the step to come.</summary>
    public bool IsNormalized { get; set; }

    /// <summary>All arenas that belong to the state, with the names they have in a checkpoint.</summary>
    public IEnumerable<(string Name, Arena Arena)> Arenas =>
    [
        ("weights", Weights), ("adam.first", FirstMoment), ("adam.second", SecondMoment), .. Averages.Select(a => (a.Track.ArenaName, a.Arena)),
        .. Buffers is null ? Array.Empty<(string, Arena)>() : [(BuffersName, Buffers)],
    ];

    /// <summary>An average of nothing is the initial network (and its first update, with β = 0, replaces it anyway).</summary>
    public void StartAverages()
    {
        foreach (var average in Averages)
        {
            average.Arena.CopyFrom(Weights);
        }
    }

    /// <summary>Makes this the state of a run that has not begun, should part of another one have come over it.</summary>
    public void Mend()
    {
        if (isTorn)
        {
            DrawWeights();
            FirstMoment.Zero();
            SecondMoment.Zero();
            StartAverages();
            (AdamSteps, SkippedInARow, ConsumedImages, LossScale, IsNormalized, isTorn) = (0, 0, 0, firstLossScale, false, false);
        }
    }

    /// <summary>
    /// Forced weight normalisation for the step to come (EDM2, arXiv:2312.02696, section 2.3), exactly once: a step that is repeated after a failure
    /// must find the same weights, and normalising twice is not the same bits as once.
    /// After the last step none is to come: the run's final weights are as that step left them, whoever saves them.
    /// </summary>
    public void Normalize()
    {
        if (!IsNormalized && CompletedStep != lastStep)
        {
            Network.NormalizeWeights();
            IsNormalized = true;
        }
    }

    /// <summary>SHA-256 (hex) over all arenas and counters. States that digest alike train alike.</summary>
    public string Digest()
    {
        Normalize();
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> counters = stackalloc byte[48];
        BinaryPrimitives.WriteInt64LittleEndian(counters, CompletedStep);
        BinaryPrimitives.WriteInt64LittleEndian(counters[8..], AdamSteps);
        BinaryPrimitives.WriteInt64LittleEndian(counters[16..], SkippedInARow);
        BinaryPrimitives.WriteInt64LittleEndian(counters[24..], ConsumedImages);
        BinaryPrimitives.WriteDoubleLittleEndian(counters[32..], LossScale.Value);
        BinaryPrimitives.WriteInt64LittleEndian(counters[40..], LossScale.FiniteSteps);
        sha.AppendData(counters);
        foreach (var (_, arena) in Arenas)
        {
            sha.AppendData(BitConverter.GetBytes(ArenaKernels.Digest(arena, threads)));
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>Sends this rank's state to those that lack it, or receives it.</summary>
    /// <param name="transport">The ranks.</param>
    /// <param name="root">The rank that has the state.</param>
    /// <param name="receivers">The ranks that lack it. Others keep their own, which is as good, should the transfer break off.</param>
    /// <param name="deadline">Longest wait for each arena.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    public void Broadcast(IPeerTransport transport, int root, IReadOnlyCollection<int> receivers, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var counters = transport.AllGather(new Counters(CompletedStep, AdamSteps, SkippedInARow, ConsumedImages, LossScale, IsNormalized ? 1 : 0), deadline, cancellationToken)[root];
        if (receivers.Contains(transport.Rank))
        {
            // Half a state is none: until everything is here this rank has nothing to offer.
            CompletedStep = -1;
            isTorn = true;
        }

        foreach (var (_, arena) in Arenas)
        {
            using var host = HostArena.Of(arena, read: transport.Rank == root);
            transport.Broadcast(host.Values.Address, arena.Length * sizeof(float), root, receivers, deadline, cancellationToken);
            if (receivers.Contains(transport.Rank))
            {
                host.WriteBack();
            }

            FaultInjection.At(FaultPoint.StateTransfer, counters.CompletedStep);
        }

        (CompletedStep, AdamSteps, SkippedInARow, ConsumedImages, LossScale, IsNormalized) = (counters.CompletedStep, counters.AdamSteps, counters.SkippedInARow, counters.ConsumedImages, counters.LossScale, counters.Normalized != 0);
        isTorn = false;
    }

    public void Dispose()
    {
        Network.Dispose();
        parameters.Dispose();
        Gradients.Dispose();
        foreach (var (_, arena) in Arenas)
        {
            arena.Dispose();
        }
    }

    // The seed of a single reference process at its start: (seed, rank 0). What is bound to an arena already is drawn in place.
    private void DrawWeights()
    {
        using var generator = new torch.Generator((ulong)TupleSeed.Hash(seed, 0));
        Network.Initialize(generator);
    }

    private static ComputePrecision PrecisionOn(torch.Device device, ComputePrecision precision) => precision != ComputePrecision.Float16 || device.type != DeviceType.CPU
        ? precision
        : throw new ConfigurationException("training.precision is float16, which the processor has no arithmetic for. Use --precision bfloat16 or float32 there, or train on GPUs.");

    private Arena? BindBuffers()
    {
        if (Network.Buffers.Count == 0)
        {
            return null;
        }

        var arena = new Arena(new ArenaLayout(Network.Buffers.Select(b => (b.Name, b.Shape))), Device);
        for (int slot = 0; slot < Network.Buffers.Count; slot++)
        {
            var view = arena.View(slot);
            view.copy_(Network.Buffers[slot].Value);
            Network.Buffers[slot].Value = view;
        }

        return arena;
    }

    private readonly record struct Counters(long CompletedStep, long AdamSteps, long SkippedInARow, long ConsumedImages, LossScale LossScale, long Normalized);
}

/// <summary>One average and the arena that holds it.</summary>
internal sealed record TrackedAverage(AverageTrack Track, Arena Arena);
