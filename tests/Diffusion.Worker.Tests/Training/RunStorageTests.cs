using Diffusion.Contracts.Configuration;
using Diffusion.Native.Collectives;
using Diffusion.Snapshots.Checkpoints;
using Diffusion.Snapshots.Safetensors;
using Diffusion.Worker.Training;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diffusion.Worker.Tests.Training;

/// <summary>A rank that does not see the run's directory leaves the same files there as one that does.</summary>
public sealed class RunStorageTests : IDisposable
{
    private readonly TinyRun run = new(steps: 4);

    public void Dispose() => run.Dispose();

    [Fact]
    public void Run_SendingFailsFirst_AlarmStandsAndEveryFileArrivesOnce()
    {
        var storage = new FolderStorage(run.Directory) { Failures = 2 };
        var observer = new RecordingObserver();
        using (var trainer = Trainer(storage, observer))
        {
            Assert.Equal(GenerationEnd.Finished, TinyRun.Generation([trainer], new ShardPlan(4, [4]), writes: true)[0].End);
        }

        string local = run.RunDirectory;
        using (var trainer = run.Trainer(runDirectory: local))
        {
            TinyRun.Generation([trainer], new ShardPlan(4, [4]), writes: true);
        }

        Assert.NotEmpty(observer.Failures);
        Assert.Equal(observer.Saved.Distinct(), observer.Saved);
        Assert.Equal(Bits(local), Bits(storage.RunDirectory));
        Assert.Empty(Directory.GetFiles(storage.StagingDirectory, "*.safetensors", SearchOption.AllDirectories));
    }

    [Fact]
    public void Run_NobodyHasAState_StartsFromTheCheckpointThatIsFetched()
    {
        var storage = new FolderStorage(run.Directory);
        using (var trainer = Trainer(storage, new RecordingObserver()))
        {
            TinyRun.Generation([trainer], new ShardPlan(4, [4]), writes: true);
        }

        var observer = new RecordingObserver();
        using var again = Trainer(storage, observer);
        var result = TinyRun.Generation([again], new ShardPlan(4, [4]), writes: true)[0];
        Assert.Equal((GenerationEnd.Finished, 4L), (result.End, result.CompletedStep));
        Assert.Empty(observer.Steps);
    }

    [Fact]
    public void Run_StartingWeightsAreElsewhere_StartsFromThoseThatAreFetched()
    {
        using (var trainer = run.Trainer(runDirectory: run.RunDirectory))
        {
            TinyRun.Generation([trainer], new ShardPlan(4, [4]), writes: true);
        }

        string weights = Directory.GetFiles(Path.Combine(run.RunDirectory, "snapshots"), "*.safetensors")[0];
        run.Config = run.Config with { Initialization = new InitializationConfig { Path = weights } };
        string here = Train(run.Trainer(runDirectory: Path.Combine(run.Directory, "here")));
        run.Config = run.Config with { Initialization = new InitializationConfig { Path = "/nowhere/weights.safetensors" } };
        Assert.Equal(here, Train(Trainer(new FolderStorage(run.Directory) { Weights = weights }, new RecordingObserver())));
    }

    [Fact]
    public void Rescue_OutsideOfAGeneration_SavesHereWhatCannotBeSent()
    {
        var storage = new FolderStorage(run.Directory);
        using var trainer = Trainer(storage, new RecordingObserver());
        Assert.Contains("nothing had to be saved", trainer.Rescue(), StringComparison.Ordinal);
        TinyRun.Generation([trainer], new ShardPlan(4, [4]), writes: true);

        // The next save is refused for good: the coordinator has gone.
        storage.Failures = int.MaxValue;
        string told = trainer.Rescue();
        var saved = new CheckpointStore(Path.Combine(storage.RescueDirectory, "checkpoints")).Latest().Checkpoint;
        Assert.Equal(4, saved?.Manifest.Steps);
        Assert.Contains(saved!.Path, told, StringComparison.Ordinal);
        Assert.Equal(told, trainer.Rescue());
    }

    [Fact]
    public void Rescue_RunDirectoryInSight_SavesThereOnceForAllWorkers()
    {
        using var first = run.Trainer(runDirectory: run.RunDirectory);
        using var second = run.Trainer(runDirectory: run.RunDirectory);
        var results = TinyRun.Generation([first, second], new ShardPlan(4, [2, 2]), writes: false);
        Assert.All(results, result => Assert.Equal(GenerationEnd.Finished, result.End));
        string told = first.Rescue();
        var saved = new CheckpointStore(Path.Combine(run.RunDirectory, "checkpoints")).Latest().Checkpoint;

        Assert.Equal(4, saved?.Manifest.Steps);
        Assert.Contains($"is saved: {saved!.Path}.", told, StringComparison.Ordinal);
        Assert.Equal(told, second.Rescue());
    }

    private static string Train(RankTrainer trainer)
    {
        using (trainer)
        {
            Assert.Equal(GenerationEnd.Finished, TinyRun.Generation([trainer], new ShardPlan(4, [4]), writes: true)[0].End);
            return trainer.StateDigest();
        }
    }

    private RankTrainer Trainer(IRunStorage storage, ITrainingObserver observer) => new(new RankTrainerOptions
    {
        Config = run.Config, RunId = "tiny", Storage = storage, Data = run.Data, Observer = observer, Loggers = NullLoggerFactory.Instance,
    });

    private static SortedDictionary<string, string> Bits(string directory)
    {
        var bits = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string path in Directory.GetFiles(directory, "*.safetensors", SearchOption.AllDirectories))
        {
            using var file = SafetensorsFile.Open(path);
            bits[Path.GetRelativePath(directory, path)] = file.Verify().DataSha256;
        }

        Assert.NotEmpty(bits);
        return bits;
    }

    /// <summary>A run's directory behind a wall; the first so many calls that send fail.</summary>
    private sealed class FolderStorage(string parent) : IRunStorage
    {
        public int Failures { get; set; }

        public string? Weights { get; init; }

        public string RunDirectory { get; } = Path.Combine(parent, "far");

        public string StagingDirectory { get; } = Directory.CreateDirectory(Path.Combine(parent, "staging")).FullName;

        public string RescueDirectory { get; } = Path.Combine(parent, "rescued");

        public bool HasSnapshot(string folder, string fileName) => File.Exists(Path.Combine(RunDirectory, "snapshots", folder, fileName));

        public void SendSnapshot(string folder, string path)
        {
            Fail();
            Directory.CreateDirectory(Path.Combine(RunDirectory, "snapshots", folder));
            File.Copy(path, Path.Combine(RunDirectory, "snapshots", folder, Path.GetFileName(path)));
        }

        public void SendCheckpoint(string directory, long imagesSeen)
        {
            Fail();

            // As the coordinator's: a checkpoint that comes again takes the place of the one there.
            string place = CheckpointStore.PathIn(Path.Combine(RunDirectory, "checkpoints"), imagesSeen);
            if (Directory.Exists(place))
            {
                Directory.Delete(place, recursive: true);
            }

            Copy(directory, place);
        }

        public bool FetchNewestCheckpoint(string directory, CancellationToken cancellationToken)
        {
            if (new CheckpointStore(Path.Combine(RunDirectory, "checkpoints")).Latest(cancellationToken).Checkpoint is not { } newest)
            {
                return false;
            }

            Copy(newest.Path, CheckpointStore.PathIn(directory, newest.Manifest.ImagesSeen));
            return true;
        }

        public string? FetchInitialWeights(CancellationToken cancellationToken) => Weights;

        private void Fail()
        {
            if (Failures-- > 0)
            {
                throw new IOException("The disk is full, says a test.");
            }
        }

        private static void Copy(string from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (string path in Directory.GetFiles(from))
            {
                File.Copy(path, Path.Combine(to, Path.GetFileName(path)));
            }
        }
    }
}
