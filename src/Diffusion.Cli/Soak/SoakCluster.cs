using System.Globalization;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;

namespace Diffusion.Cli.Soak;

/// <summary>A worker process of a soak, and what is known about its end.</summary>
internal sealed class SoakWorker(string name, ChildProcess process, SoakFault? armed) : IDisposable
{
    public string Name { get; } = name;

    public ChildProcess Process { get; } = process;

    /// <summary>The fault it was started with: it will kill itself.</summary>
    public SoakFault? Armed { get; } = armed;

    public bool IsStopped { get; set; }

    public bool IsLeaving { get; set; }

    /// <summary>It was killed, or its suicide was noted.</summary>
    public bool IsGone { get; set; }

    /// <summary>Counts among those that shall be there.</summary>
    public bool IsStaying => !IsGone && !IsLeaving && Armed is null && !Process.HasExited;

    public void Dispose() => Process.Dispose();
}

/// <summary>The processes of one run of a soak. None outlives this object.</summary>
internal sealed class SoakCluster(RunConfig config, string directory, double timeoutScale, CancellationToken cancellationToken) : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly List<SoakWorker> workers = [];
    private readonly List<ChildProcess> former = [];
    private ChildProcess? coordinator;

    public RunDirectory Run { get; } = new(directory);

    /// <summary>All workers that were started and not found to be gone.</summary>
    public IEnumerable<SoakWorker> Workers => workers.Where(w => !w.IsGone);

    public IEnumerable<SoakWorker> Staying => workers.Where(w => w.IsStaying);

    public ChildProcess Coordinator => coordinator ?? throw new InvalidOperationException("The coordinator was not started.");

    public string Address { get; private set; } = "";

    public async Task StartCoordinatorAsync()
    {
        if (coordinator is not null)
        {
            former.Add(coordinator);
        }

        string[] arguments = ["coordinator", "--run-dir", Run.Path, "--config", "-", "--supervised", "--timeout-scale", timeoutScale.ToString(CultureInfo.InvariantCulture)];
        coordinator = ChildProcess.Start("coordinator", arguments, StrictJson.Write(config).ReplaceLineEndings(" "));
        string line = await coordinator.FirstLineAsync(StartLimit, cancellationToken);
        Address = line.StartsWith(CoordinatorAnnouncement.Prefix, StringComparison.Ordinal)
            ? line[CoordinatorAnnouncement.Prefix.Length..]
            : throw new VerbFailedException($"The coordinator said '{line}' instead of its address.");
    }

    /// <summary>Starts a worker.</summary>
    /// <param name="faults">What it shall do to itself; see the cluster tests' README.</param>
    /// <param name="armed">The fault of the schedule that is among them.</param>
    public SoakWorker StartWorker(string? faults, SoakFault? armed)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"worker-{workers.Count + 1}");
        string[] arguments =
        [
            "worker", "--coordinator", Address, "--name", name, "--log-dir", Run.Path, "--log-images", Path.Combine(Run.Logs, $"{name}.images"),
            "--timeout-scale", timeoutScale.ToString(CultureInfo.InvariantCulture),
        ];
        var worker = new SoakWorker(name, ChildProcess.Start(name, arguments, input: null, faults is null ? [] : [("DIFFUSION_FAULT", faults)]), armed);
        workers.Add(worker);
        return worker;
    }

    /// <summary>How the run stands; null while nobody answers.</summary>
    public async Task<RunStatus?> StatusAsync() =>
        (await RunConnection.TryCallAsync(Address, (client, options) => client.GetRunAsync(new GetRunRequest(), options), cancellationToken))?.Status;

    public void Dispose()
    {
        workers.ForEach(w => w.Dispose());
        former.ForEach(c => c.Dispose());
        coordinator?.Dispose();
    }
}
