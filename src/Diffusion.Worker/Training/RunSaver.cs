using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Native;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Worker.Faults;
using Microsoft.Extensions.Logging;
using StoredLayout = Diffusion.Snapshots.Checkpoints.ArenaLayout;
using StoredSlot = Diffusion.Snapshots.Checkpoints.ArenaSlot;

namespace Diffusion.Worker.Training;

/// <summary>A run's files, as one rank writes and reads them: snapshots and checkpoints, written behind training's back from copies.</summary>
internal sealed partial class RunSaver : IDisposable
{
    /// <summary>Header key under which a snapshot says how to build its network: <see cref="ModelOptions"/> as JSON.</summary>
    public const string ModelKey = "model";

    private const string AdamStepsKey = "adam_steps";
    private const string SkippedKey = "skipped_in_a_row";
    private const string LossScaleKey = "loss_scale";
    private const string FiniteStepsKey = "finite_steps";
    private const string ImagesKey = "consumed_images";
    private readonly RankTrainerOptions options;
    private readonly ReplicaState state;
    private readonly ILogger logger;
    private readonly SaveQueue queue;
    private readonly string configDigest;
    private readonly IReadOnlyList<SnapshotTensor> tensors;
    private CheckpointWriter? checkpoints;
    private string? checkpointsAt;
    private SnapshotCopy? kept;

    public RunSaver(RankTrainerOptions options, ReplicaState state)
    {
        this.options = options;
        this.state = state;
        logger = options.Loggers.CreateLogger<RunSaver>();
        queue = new SaveQueue(options.Observer, logger);
        configDigest = options.Config.Digest();
        tensors = [.. state.Network.StateOrder.Select(t => new SnapshotTensor(t.Name, t.Shape, t is NetworkBuffer))];
    }

    /// <summary>Where files are made: in place, or on their way there.</summary>
    private string Directory => rescue ?? options.RunDirectory ?? options.Storage?.StagingDirectory ?? throw new InvalidOperationException("This worker neither sees the run's directory nor knows another way there; it cannot be its writer.");

    private IRunStorage? Remote => rescue is null && options.RunDirectory is null ? options.Storage : null;

    private string SnapshotDirectory => Path.Combine(Directory, "snapshots");

    private string CheckpointDirectory => Path.Combine(Directory, "checkpoints");

    /// <summary>
    /// Keeps the averages of this step until the next ones, on every worker: should the writer be lost before its snapshots are durable, another one writes them.
    /// </summary>
    /// <param name="imagesSeen">Images seen by the run.</param>
    /// <param name="write">Whether this rank is the writer.</param>
    public void KeepSnapshots(long imagesSeen, bool write)
    {
        if (options.LocalRank != 0)
        {
            return;
        }

        var averages = state.Averages.Select(a => a.Arena);
        var copy = SnapshotCopy.Of(imagesSeen, state.Buffers is null ? averages : averages.Append(state.Buffers));
        if (write)
        {
            kept = null;
            Enqueue(copy);
        }
        else
        {
            kept?.Dispose();
            kept = copy;
        }
    }

    /// <summary>Writes what an earlier writer may not have finished.</summary>
    /// <param name="isWriter">Whether this rank is the writer now.</param>
    public void WriteMissedSnapshots(bool isWriter)
    {
        if (isWriter && kept is { } copy)
        {
            kept = null;
            Enqueue(copy, missedOnly: true);
        }
        else if (!isWriter)
        {
            checkpoints?.Dispose();
            checkpoints = null;
        }
    }

    /// <summary>Copies the whole state and writes it as a checkpoint.</summary>
    public void SaveCheckpoint(long imagesSeen)
    {
        var names = state.Arenas.Select(a => a.Name).ToArray();
        var copy = SnapshotCopy.Of(imagesSeen, state.Arenas.Select(a => a.Arena));
        var description = new CheckpointState
        {
            RunId = options.RunId,
            ImagesSeen = imagesSeen,
            Steps = state.CompletedStep,
            ConfigDigest = configDigest,
            Extra = new Dictionary<string, string>
            {
                [AdamStepsKey] = state.AdamSteps.ToString(CultureInfo.InvariantCulture),
                [SkippedKey] = state.SkippedInARow.ToString(CultureInfo.InvariantCulture),
                [ImagesKey] = ConsumedImages.Text(state.ConsumedImages),
                [LossScaleKey] = state.LossScale.Value.ToString("R", CultureInfo.InvariantCulture),
                [FiniteStepsKey] = state.LossScale.FiniteSteps.ToString(CultureInfo.InvariantCulture),
            },
        };
        if (state.IsNormalized)
        {
            // Only after a skipped step: its weights are already those of the next one.
            ((Dictionary<string, string>)description.Extra)["normalized"] = "true";
        }

        queue.Add(imagesSeen, "checkpoint", () => WriteCheckpoint(description, names, copy), copy.Dispose);
    }

    /// <summary>Takes over the newest whole checkpoint of the run's directory; without one the state stays as it is.</summary>
    public void LoadNewestCheckpoint(CancellationToken cancellationToken)
    {
        if (options.RunDirectory is not null)
        {
            LoadNewestCheckpoint(CheckpointDirectory, cancellationToken);
        }
        else if (Remote is { } storage)
        {
            string fetched = Path.Combine(storage.StagingDirectory, "fetched");
            try
            {
                if (storage.FetchNewestCheckpoint(fetched, cancellationToken))
                {
                    LoadNewestCheckpoint(fetched, cancellationToken);

                    // To begin anew because a copy was damaged would be worse than to end.
                    if (state.CompletedStep < 0)
                    {
                        throw new IOException("The checkpoint that the coordinator sent did not arrive whole. Check this box's disk and memory, and start the worker again.");
                    }
                }
            }
            finally
            {
                RemoveTree(fetched);
            }
        }
    }

    /// <summary>Where the weights that the run starts from are on this box; fetched if they are not here.</summary>
    public string InitialWeights(string path, CancellationToken cancellationToken) =>
        (File.Exists(path) ? path : options.Storage?.FetchInitialWeights(cancellationToken)) ?? path;

    private void LoadNewestCheckpoint(string directory, CancellationToken cancellationToken)
    {
        var latest = new CheckpointStore(directory).Latest(cancellationToken);
        foreach (var skipped in latest.Skipped)
        {
            logger.LogWarning("Checkpoint {Name} is damaged and passed over: {Reason}", skipped.Name, skipped.Reason);
        }

        if (latest.Checkpoint is not { } checkpoint)
        {
            return;
        }

        var manifest = checkpoint.Manifest;
        if (manifest.ConfigDigest != configDigest)
        {
            throw new ConfigurationException(
                $"{checkpoint.Path} was written under another configuration (digest {manifest.ConfigDigest[..12]}, this run has {configDigest[..12]}). Use the run's own run.json, or another --run-dir.");
        }

        // Checkpoints of before buffers were saved belong to runs that drew them.
        foreach (var (name, arena) in state.Arenas.Where(a => a.Name != ReplicaState.BuffersName || checkpoint.Arenas.Contains(a.Name)))
        {
            using var host = HostArena.Of(arena, read: false);
            checkpoint.Read(name, Stored(arena.Layout), (offset, values) => values.CopyTo(host.Values.Span(offset, values.Length)));
            host.WriteBack();
        }

        state.CompletedStep = manifest.Steps;
        state.AdamSteps = long.Parse(manifest.Extra[AdamStepsKey], CultureInfo.InvariantCulture);
        state.SkippedInARow = long.Parse(manifest.Extra[SkippedKey], CultureInfo.InvariantCulture);
        state.IsNormalized = manifest.Extra.ContainsKey("normalized");

        // Checkpoints of before scales could change have the configured one.
        if (manifest.Extra.TryGetValue(LossScaleKey, out string? scale))
        {
            state.LossScale = new LossScale(double.Parse(scale, CultureInfo.InvariantCulture), long.Parse(manifest.Extra[FiniteStepsKey], CultureInfo.InvariantCulture));
        }

        // Checkpoints of before images were chained begin a chain of their own.
        state.ConsumedImages = manifest.Extra.TryGetValue(ImagesKey, out string? chain) ? long.Parse(chain, NumberStyles.HexNumber, CultureInfo.InvariantCulture) : 0;
        logger.LogInformation("Resumed from {Checkpoint} at {ImagesSeen} images", Path.GetFileName(checkpoint.Path), manifest.ImagesSeen);
    }

    /// <summary>Name of the first tensor with a value that is not finite, if there is one.</summary>
    public static string? FirstNonFinite(Arena arena)
    {
        using var host = HostArena.Of(arena);
        for (int slot = 0; slot < arena.Layout.Slots.Count; slot++)
        {
            foreach (float value in host.Values.Span(slot))
            {
                if (!float.IsFinite(value))
                {
                    return arena.Layout.Slots[slot].Name;
                }
            }
        }

        return null;
    }

    /// <summary>Waits until everything handed over is on the disk, or the disk has refused once more.</summary>
    public string? Flush() => queue.Flush();

    public void Dispose()
    {
        queue.Dispose();
        checkpoints?.Dispose();
        kept?.Dispose();
    }

    /// <param name="copy">The averages.</param>
    /// <param name="missedOnly">Leave out those that an earlier writer finished.</param>
    private void Enqueue(SnapshotCopy copy, bool missedOnly = false)
    {
        // A second attempt goes on with the one that failed.
        int next = 0;
        queue.Add(copy.ImagesSeen, "snapshots", () =>
        {
            for (; next < state.Averages.Count; next++)
            {
                if (!missedOnly || !IsStored(state.Averages[next].Track, copy.ImagesSeen))
                {
                    WriteSnapshot(copy, next);
                }
            }
        }, copy.Dispose);
    }

    private bool IsStored(AverageTrack track, long imagesSeen)
    {
        string fileName = SnapshotName.For(SnapshotName.Training, imagesSeen, track.StdAt(imagesSeen)).FileName;
        bool stored = Remote is { } storage ? storage.HasSnapshot(track.Folder, fileName) : File.Exists(Path.Combine(SnapshotDirectory, track.Folder, fileName));
        if (!stored)
        {
            logger.LogInformation("Snapshot {File} was not finished by the writer before; writing it now", fileName);
        }

        return stored;
    }

    private void WriteSnapshot(SnapshotCopy copy, int average)
    {
        var elementType = options.Config.Averaging.Precision == SnapshotPrecision.Float16 ? ElementType.Float16 : ElementType.Float32;
        var track = state.Averages[average].Track;
        var arena = copy.Arenas[average];
        string folder = Path.Combine(SnapshotDirectory, track.Folder);
        System.IO.Directory.CreateDirectory(folder);
        var info = new SnapshotInfo
        {
            RunId = options.RunId,
            ImagesSeen = copy.ImagesSeen,
            RelativeStd = track.StdAt(copy.ImagesSeen),
            Profile = track.Profile,
            Config = StrictJson.Write(options.Config.WithoutPaths()),
            Extra = new Dictionary<string, string> { [ModelKey] = StrictJson.Write(state.Network.Options) },
        };
        var entry = new SnapshotWriter(folder, null, elementType).Write(
            info, tensors, index => ValuesOf(tensors[index].IsBuffer ? copy.Arenas[^1] : arena, tensors[index].Name));
        if (Remote is { } storage)
        {
            string staged = Path.Combine(folder, entry.File);
            storage.SendSnapshot(track.Folder, staged);
            File.Delete(staged);
        }

        if (track.RelativeStd is { } relativeStd)
        {
            options.Observer.SnapshotSaved(copy.ImagesSeen, relativeStd, entry.File, entry.Bytes, entry.ContentId);
        }

        FaultInjection.At(FaultPoint.Snapshot, copy.ImagesSeen / options.Config.Training.BatchSize);
    }

    private static Span<float> ValuesOf(Arena arena, string tensor) => arena.Span(arena.Layout.IndexOf(tensor));

    private static StoredLayout Stored(Native.ArenaLayout layout) => new([.. layout.Slots.Select(s => new StoredSlot(s.Name, s.Shape, s.Offset))]);

    private void WriteCheckpoint(CheckpointState description, string[] names, SnapshotCopy copy)
    {
        long started = options.Time.GetTimestamp();
        if (checkpointsAt != CheckpointDirectory)
        {
            checkpoints?.Dispose();
            checkpoints = null;
        }

        checkpoints ??= CheckpointWriter.Open(checkpointsAt = CheckpointDirectory, new CheckpointRetention(options.Config.Training.KeepCheckpoints));
        long bytes = Remote is { } storage ? Send(storage, description, names, copy) : Save(description, names, copy);
        checkpoints.RemoveExpired();
        options.Observer.CheckpointSaved(
            description.ImagesSeen, string.Create(CultureInfo.InvariantCulture, $"checkpoint-{description.ImagesSeen:D12}"), bytes, options.Time.GetElapsedTime(started));
    }

    private long Save(CheckpointState description, string[] names, SnapshotCopy copy)
    {
        var arenas = names.Select((name, i) => new CheckpointArena(
            name, (offset, count) => Part(i, offset, count), name == ReplicaState.BuffersName ? Stored(copy.Arenas[i].Layout) : null)).ToArray();
        return checkpoints!.Save(description, Stored(state.Layout), arenas).Files.Sum(f => f.Bytes);

        ReadOnlySpan<float> Part(int arena, long offset, int count)
        {
            if (arena > 0)
            {
                FaultInjection.At(FaultPoint.Checkpoint, description.Steps);
            }

            return copy.Arenas[arena].Span(offset, count);
        }
    }

    /// <summary>Made here and sent from here. One that is whole here was made by an attempt before, whose sending failed.</summary>
    private long Send(IRunStorage storage, CheckpointState description, string[] names, SnapshotCopy copy)
    {
        string staged = CheckpointStore.PathIn(CheckpointDirectory, description.ImagesSeen);
        long bytes = System.IO.Directory.Exists(staged)
            ? new CheckpointStore(CheckpointDirectory).Open(description.ImagesSeen).Manifest.Files.Sum(f => f.Bytes)
            : Save(description, names, copy);
        storage.SendCheckpoint(staged, description.ImagesSeen);
        RemoveTree(staged);
        return bytes;
    }

    private static void RemoveTree(string path)
    {
        if (System.IO.Directory.Exists(path))
        {
            System.IO.Directory.Delete(path, recursive: true);
        }
    }
}
