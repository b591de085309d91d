using System.Globalization;
using System.Net;
using Diffusion.Cli.Processes;
using Diffusion.Serving;
using Diffusion.Snapshots.Library;

namespace Diffusion.Cli.Sweeps;

/// <summary>A queue of evaluations in this process, with evaluators as child processes; others may join by its address.</summary>
internal sealed class LocalQueue : IAsyncDisposable
{
    private static readonly TimeSpan EndTime = TimeSpan.FromSeconds(5);

    private readonly SnapshotServer server;
    private readonly List<ChildProcess> evaluators = [];
    private readonly CancellationTokenSource failed = new();
    private readonly CancellationTokenSource ending = new();
    private Task watching = Task.CompletedTask;

    private LocalQueue(SnapshotServer server) => this.server = server;

    /// <summary>Where evaluators join.</summary>
    public string Address => server.Grpc.ToString();

    /// <summary>Cancelled when an evaluator of this queue has ended by itself.</summary>
    public CancellationToken Failed => failed.Token;

    /// <summary>Why; empty while all is well.</summary>
    public string Failure { get; private set; } = "";

    /// <summary>Serves a run and starts evaluators.</summary>
    /// <param name="run">The run.</param>
    /// <param name="count">Child processes; 0 where all evaluators join from elsewhere.</param>
    /// <param name="bind">Address to listen on.</param>
    /// <param name="trusted">TorchScript files that the children may run.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<LocalQueue> StartAsync(RunDirectory run, int count, IPAddress bind, IEnumerable<string> trusted, CancellationToken cancellationToken)
    {
        var options = new SnapshotServerOptions
        {
            Runs = [run.Path],
            Bind = bind,
            HttpPort = null,
            Library = new SnapshotLibraryOptions { ThreadsPerReconstruction = Environment.ProcessorCount },
        };
        var queue = new LocalQueue(await SnapshotServer.StartAsync(options, ProcessLog.Open(run.Path, "sweep", console: false).Loggers, cancellationToken));
        Console.WriteLine($"Others may join with: {Program.Shown} evaluate --coordinator {queue.Address}");
        string[] trust = [.. trusted.SelectMany(path => new[] { "--trust-features", path })];
        for (int i = 1; i <= count; i++)
        {
            // One whose parent was killed does not wait long for another.
            string name = string.Create(CultureInfo.InvariantCulture, $"local-{i}");
            queue.evaluators.Add(ChildProcess.Start($"evaluator {i}", ["evaluate", "--coordinator", queue.Address, "--name", name, "--patience", "30", .. trust], input: null));
        }

        queue.watching = queue.WatchAsync();
        return queue;
    }

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await watching;
        evaluators.ForEach(e => e.Send(ProcessSignal.Terminate));
        await Task.WhenAll(evaluators.Select(e => e.EndAsync(EndTime, CancellationToken.None)));
        evaluators.ForEach(e => e.Dispose());
        await server.DisposeAsync();
        failed.Dispose();
        ending.Dispose();
    }

    private async Task WatchAsync()
    {
        if (evaluators.Count == 0)
        {
            return;
        }

        await Task.WhenAny(evaluators.Select(e => e.WaitForExitAsync(ending.Token)));
        if (!ending.IsCancellationRequested && evaluators.Find(e => e.HasExited) is { } gone)
        {
            string said = gone.LastErrors.Replace("diffusion: ", "", StringComparison.Ordinal);
            Failure = $"{gone.Name} ended with exit code {gone.ExitCode}{(said.Length > 0 ? $": {said}" : ".")}";
            await failed.CancelAsync();
        }
    }
}
