using System.Threading.Channels;
using Diffusion.Coordinator.Run;
using Diffusion.Snapshots.Catalogue;
using Microsoft.Extensions.Logging;

namespace Diffusion.Coordinator.Services;

/// <summary>Carries out commands: sessions, rendezvous, and files on a writer of its own, so that a slow disk stops no abort.</summary>
internal sealed class RunEffects : IRunEffects, IAsyncDisposable
{
    private const int FileQueueLength = 1024;

    private readonly SessionRegistry sessions;
    private readonly RendezvousStore rendezvous;
    private readonly string runDirectory;
    private readonly ILogger logger;
    private readonly Channel<RunCommand> files = Channel.CreateBounded<RunCommand>(new BoundedChannelOptions(FileQueueLength) { SingleReader = true });
    private readonly TaskCompletionSource<AnnounceEnd> end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task writing;
    private string? lastComplaint;

    public RunEffects(SessionRegistry sessions, RendezvousStore rendezvous, string runDirectory, ILogger<RunEffects> logger)
    {
        this.sessions = sessions;
        this.rendezvous = rendezvous;
        this.runDirectory = runDirectory;
        this.logger = logger;
        writing = Task.Run(WriteAsync);
    }

    /// <summary>Completes when the run is over and its workers have gone.</summary>
    public Task<AnnounceEnd> End => end.Task;

    public void Execute(RunCommand command)
    {
        switch (command)
        {
            case SessionCommand session:
                sessions.Send(session);
                break;
            case OpenRendezvous open:
                rendezvous.Open(open.Generation);
                break;
            case CloseRendezvous close:
                rendezvous.Close(close.Generation);
                break;
            case AnnounceEnd over:
                end.TrySetResult(over);
                break;
            default:
                if (!files.Writer.TryWrite(command))
                {
                    Complain($"The disk is {FileQueueLength} writes behind; a line of metrics or a catalogue entry is left out. The next start finds uncatalogued snapshots by itself.", null);
                }

                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        files.Writer.TryComplete();
        await writing.ConfigureAwait(false);
    }

    private async Task WriteAsync()
    {
        string snapshots = Path.Combine(runDirectory, "snapshots");
        using var metrics = new MetricsFile(Path.Combine(runDirectory, MetricsFile.FileName));
        SnapshotCatalogue? catalogue = null;
        try
        {
            await foreach (var command in files.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                try
                {
                    switch (command)
                    {
                        case AppendMetrics line:
                            metrics.Append(line.Json);
                            break;
                        case AddToCatalogue add:
                            catalogue ??= SnapshotCatalogue.Open(snapshots);
                            Reconcile(catalogue, add.Snapshot);
                            break;
                        case WriteHangReport hang:
                            await File.WriteAllTextAsync(Path.Combine(runDirectory, "logs", FormattableString.Invariant($"hang-{hang.Step}.txt")), hang.Text).ConfigureAwait(false);
                            break;
                    }
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    Complain($"Recording in {runDirectory} failed; training goes on", e);
                }
            }
        }
        finally
        {
            catalogue?.Dispose();
        }
    }

    /// <summary>The files are the truth: whatever is there and not catalogued yet is added with it.</summary>
    private void Reconcile(SnapshotCatalogue catalogue, SnapshotStored snapshot)
    {
        var report = catalogue.Reconcile(verify: false);
        foreach (var damage in report.Damaged)
        {
            Complain($"A snapshot is left out of the catalogue: {damage.Message}", null);
        }

        if (!catalogue.Entries.Any(entry => entry.File == snapshot.FileName))
        {
            Complain($"Snapshot {snapshot.FileName} was reported but is not in {catalogue.Directory}", null);
        }
    }

    /// <summary>A condition that lasts is told once.</summary>
    private void Complain(string complaint, Exception? cause)
    {
        string key = complaint + cause?.Message;
        if (Interlocked.Exchange(ref lastComplaint, key) != key)
        {
            logger.LogError(cause, "{Complaint}", complaint);
        }
    }
}
