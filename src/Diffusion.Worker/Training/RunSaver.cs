using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Native;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Safetensors;
using Microsoft.Extensions.Logging;
using StoredLayout = Diffusion.Snapshots.Checkpoints.ArenaLayout;
using StoredSlot = Diffusion.Snapshots.Checkpoints.ArenaSlot;

namespace Diffusion.Worker.Training;

/// <summary>A run's files, as one rank writes and reads them: snapshots and checkpoints, written behind training's back from copies.</summary>
internal sealed class RunSaver : IDisposable
{
    /// <summary>Header key under which a snapshot says how to build its network: <see cref="ModelOptions"/> as JSON.</summary>
    public const string ModelKey = "model";

    private const string AdamStepsKey = "adam_steps";
    private const string SkippedKey = "skipped_in_a_row";
    private readonly RankTrainerOptions options;
    private readonly ReplicaState state;
    private readonly ILogger logger;
    private readonly SaveQueue queue;
    private readonly string configDigest;
    private readonly IReadOnlyList<SnapshotTensor> tensors;
    private CheckpointWriter? checkpoints;
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

    private string Directory => options.RunDirectory ?? throw new InvalidOperationException("This worker does not see the run's directory and cannot be its writer.");

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
            if (state.Averages.All(a => File.Exists(PathOf(a.Track, copy.ImagesSeen))))
            {
                copy.Dispose();
            }
            else
            {
                logger.LogInformation("Snapshots at {ImagesSeen} images were not finished by the writer before; writing them now", copy.ImagesSeen);
                Enqueue(copy);
            }
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
    public void LoadNewestCheckpoint()
    {
        if (options.RunDirectory is null)
        {
            return;
        }

        var latest = new CheckpointStore(CheckpointDirectory).Latest();
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
            checkpoint.Read(name, Stored(arena.Layout), (offset, values) => values.CopyTo(arena.Span(offset, values.Length)));
        }

        state.CompletedStep = manifest.Steps;
        state.AdamSteps = long.Parse(manifest.Extra[AdamStepsKey], CultureInfo.InvariantCulture);
        state.SkippedInARow = long.Parse(manifest.Extra[SkippedKey], CultureInfo.InvariantCulture);
        state.IsNormalized = manifest.Extra.ContainsKey("normalized");
        logger.LogInformation("Resumed from {Checkpoint} at {ImagesSeen} images", Path.GetFileName(checkpoint.Path), manifest.ImagesSeen);
    }

    /// <summary>Name of the first tensor with a value that is not finite, if there is one.</summary>
    public static string? FirstNonFinite(Arena arena)
    {
        for (int slot = 0; slot < arena.Layout.Slots.Count; slot++)
        {
            foreach (float value in arena.Span(slot))
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

    private void Enqueue(SnapshotCopy copy) => queue.Add(copy.ImagesSeen, "snapshots", () => WriteSnapshots(copy), copy.Dispose);

    private string PathOf(AverageTrack track, long imagesSeen) => Path.Combine(SnapshotDirectory, track.Folder, SnapshotName.For(SnapshotName.Training, imagesSeen, track.StdAt(imagesSeen)).FileName);

    private void WriteSnapshots(SnapshotCopy copy)
    {
        var elementType = options.Config.Averaging.Precision == SnapshotPrecision.Float16 ? ElementType.Float16 : ElementType.Float32;
        for (int i = 0; i < state.Averages.Count; i++)
        {
            var track = state.Averages[i].Track;
            var arena = copy.Arenas[i];
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
            if (track.RelativeStd is { } relativeStd)
            {
                options.Observer.SnapshotSaved(copy.ImagesSeen, relativeStd, entry.File, entry.Bytes, entry.ContentId);
            }
        }
    }

    private static Span<float> ValuesOf(Arena arena, string tensor) => arena.Span(arena.Layout.IndexOf(tensor));

    private static StoredLayout Stored(Native.ArenaLayout layout) => new([.. layout.Slots.Select(s => new StoredSlot(s.Name, s.Shape, s.Offset))]);

    private void WriteCheckpoint(CheckpointState description, string[] names, SnapshotCopy copy)
    {
        long started = options.Time.GetTimestamp();
        checkpoints ??= CheckpointWriter.Open(CheckpointDirectory, new CheckpointRetention(options.Config.Training.KeepCheckpoints));
        var arenas = names.Select((name, i) => new CheckpointArena(
            name, (offset, count) => copy.Arenas[i].Span(offset, count), name == ReplicaState.BuffersName ? Stored(copy.Arenas[i].Layout) : null)).ToArray();
        var manifest = checkpoints.Save(description, Stored(state.Layout), arenas);
        checkpoints.RemoveExpired();
        options.Observer.CheckpointSaved(
            description.ImagesSeen, string.Create(CultureInfo.InvariantCulture, $"checkpoint-{description.ImagesSeen:D12}"), manifest.Files.Sum(f => f.Bytes), options.Time.GetElapsedTime(started));
    }
}
