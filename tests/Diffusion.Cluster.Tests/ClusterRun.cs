using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Snapshots.Safetensors;
using Diffusion.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Cluster.Tests;

/// <summary>A run of real processes on loopback: one coordinator and as many workers as a test starts.</summary>
internal sealed class ClusterRun : IDisposable
{
    private readonly List<ClusterProcess> processes = [];
    private readonly RunConfig config;
    private readonly int workersToStart;
    private readonly double timeoutScale;
    private GrpcChannel? channel;
    private int started;

    /// <param name="config">What is trained.</param>
    /// <param name="workersToStart">Workers that the first step waits for.</param>
    /// <param name="timeoutScale">Factor on all waiting times of the run.</param>
    public ClusterRun(RunConfig config, int workersToStart, double timeoutScale = 1)
    {
        this.config = config;
        this.timeoutScale = timeoutScale;
        this.workersToStart = workersToStart;
        Directory = System.IO.Directory.CreateTempSubdirectory("diffusion-cluster-").FullName;
        File.WriteAllText(ConfigFile, StrictJson.Write(config));
    }

    public string Directory { get; }

    public string RunDirectory => Path.Combine(Directory, "run");

    public ClusterProcess Coordinator { get; private set; } = null!;

    public string Endpoint { get; private set; } = "";

    public IEnumerable<ClusterProcess> Workers => processes.Where(p => p.Name.StartsWith("worker", StringComparison.Ordinal));

    private string ConfigFile => Path.Combine(Directory, "config.json");

    /// <summary>Starts the coordinator, again if it was there before; on the port it had then.</summary>
    /// <param name="box">Network namespace it lives in; null for the test's own.</param>
    /// <param name="bind">Address it listens on; null for loopback.</param>
    public async Task StartCoordinator(string? box = null, string? bind = null)
    {
        string[] port = Endpoint.Length == 0 ? [] : ["--port", Endpoint.Split(':')[1]];
        Coordinator = Start("coordinator", ["coordinator", "--config", ConfigFile, "--run-dir", RunDirectory, "--workers", $"{workersToStart}", "--timeout-scale", timeoutScale.ToString(CultureInfo.InvariantCulture), .. port, .. bind is null ? Array.Empty<string>() : ["--bind", bind]], box: box);
        string line = await Coordinator.LineWith("worker --coordinator ");
        Endpoint = line.Split("--coordinator ")[1].Trim();
        channel?.Dispose();
        channel = GrpcChannel.ForAddress($"http://{Endpoint}");
    }

    public ClusterProcess StartWorker(string devices = "cpu:1", params string[] more) => StartWorker([], ["--devices", devices, .. more]);

    /// <summary>Starts a worker that will fail on purpose; see this folder's README.</summary>
    public ClusterProcess StartWorkerWith(string fault) => StartWorker([("DIFFUSION_FAULT", fault)]);

    /// <summary>Starts a worker whose steps take a tenth of a second longer, without computing more, so that a run of few steps lasts until others are there.</summary>
    public ClusterProcess StartSlowWorker() => StartWorkerWith(Slow);

    /// <summary>See <see cref="StartSlowWorker"/>; with four shards, and one shard's images a pass.</summary>
    public const string Slow = "slow@forward:seconds=0.03";

    /// <summary>Starts a worker with something in its environment.</summary>
    public ClusterProcess StartWorker((string Name, string Value)[] environment, params string[] more)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"worker-{++started}");
        return Start(name, ["worker", "--coordinator", Endpoint, "--name", name, .. more], environment: environment);
    }

    /// <summary>Starts a worker in a network namespace.</summary>
    public ClusterProcess StartWorkerIn(string box, string? fault = null)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"worker-{++started}");
        return Start(name, ["worker", "--coordinator", Endpoint, "--name", name], box: box, environment: fault is null ? [] : [("DIFFUSION_FAULT", fault)]);
    }

    /// <summary>Starts a worker as on another box: elsewhere, with a cache of its own, and without a view of the coordinator's disk.</summary>
    public ClusterProcess StartFarWorker(string box)
    {
        string home = System.IO.Directory.CreateDirectory(Path.Combine(Directory, box)).FullName;
        return Start($"worker-{box}", ["worker", "--coordinator", Endpoint, "--name", box, "--cache-dir", "cache", "--no-shared-directory"], home);
    }

    /// <summary>Waits until a process has died by itself, which is then no failure of the run.</summary>
    public async Task Death(ClusterProcess process)
    {
        killed.Add(process);
        await process.Exit();
    }

    /// <summary>Waits until the run has done so many steps.</summary>
    public Task<RunStatus> Step(long step) => Status(s => s.ImagesSeen >= step * config.Training.BatchSize, $"step {step}");

    /// <summary>Waits until the run's status fulfils a condition.</summary>
    public async Task<RunStatus> Status(Func<RunStatus, bool> condition, string what)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(150));
        RunStatus? last = null;
        try
        {
            var client = new RunService.RunServiceClient(channel);
            using var call = client.WatchRun(new WatchRunRequest(), cancellationToken: limit.Token);
            while (await call.ResponseStream.MoveNext(limit.Token))
            {
                last = call.ResponseStream.Current.Status;
                if (condition(last))
                {
                    return last;
                }

                if (processes.FirstOrDefault(process => process.HasExited && process.ExitCode != 0 && !killed.Contains(process)) is { } broken)
                {
                    throw new InvalidOperationException($"{broken.Name} ended with {broken.ExitCode} before {what}: {last}\n{Story()}");
                }
            }

            throw new InvalidOperationException($"The run ended before {what}: {last}\n{Story()}");
        }
        catch (RpcException e) when (!limit.IsCancellationRequested)
        {
            throw new InvalidOperationException($"The coordinator went away before {what} ({e.Status.Detail}): {last}\n{Story()}");
        }
        catch (Exception) when (limit.IsCancellationRequested)
        {
            throw new TimeoutException($"{what} was not reached in time; last was {last}\n{Story()}");
        }
    }

    /// <summary>Waits until all processes that are still there have ended, and expects of each exit code 0.</summary>
    public async Task Finish()
    {
        foreach (var process in processes.Where(p => !killed.Contains(p)))
        {
            int exit = await process.Exit();
            Assert.True(exit == 0, $"{process.Name} ended with {exit}.\n{Story()}");
        }
    }

    /// <summary>Kills a process as a power cut would.</summary>
    public void Kill(ClusterProcess process)
    {
        killed.Add(process);
        process.Signal("KILL");
    }

    /// <summary>SHA-256 of the numbers in every arena of the last checkpoint and in every snapshot.</summary>
    public SortedDictionary<string, string> Bits()
    {
        var bits = new SortedDictionary<string, string>(StringComparer.Ordinal);
        string last = Path.Combine(RunDirectory, "checkpoints", string.Create(CultureInfo.InvariantCulture, $"checkpoint-{config.Training.DurationImages:D12}"));
        Assert.True(System.IO.Directory.Exists(last), $"{last} is missing.\n{Story()}");
        foreach (string path in System.IO.Directory.GetFiles(last, "*.safetensors").Concat(System.IO.Directory.GetFiles(Path.Combine(RunDirectory, "snapshots"), "*.safetensors")))
        {
            using var file = SafetensorsFile.Open(path);
            bits[Path.GetFileName(path)] = file.Verify().DataSha256;
        }

        return bits;
    }

    /// <summary>What every process printed, for the message of a failing test.</summary>
    public string Story() => string.Join('\n', processes.Select(p => $"--- {p.Name}\n{p.LastLines}"));

    public void Dispose()
    {
        channel?.Dispose();
        processes.ForEach(p => p.Dispose());
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private readonly HashSet<ClusterProcess> killed = [];

    private ClusterProcess Start(string name, string[] arguments, string? workingDirectory = null, string? box = null, params (string Name, string Value)[] environment)
    {
        var process = new ClusterProcess(name, arguments, workingDirectory, box, environment);
        processes.Add(process);
        return process;
    }
}
