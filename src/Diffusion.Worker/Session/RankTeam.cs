using Diffusion.Native.Collectives;
using Diffusion.V1;
using Diffusion.Worker.Training;

namespace Diffusion.Worker.Session;

/// <summary>How a generation ended for a whole worker.</summary>
/// <param name="CompletedStep">Of its most advanced rank.</param>
/// <param name="StateDigest">Of that rank.</param>
/// <param name="Failure">Why the run cannot go on with this worker; null normally.</param>
internal sealed record TeamResult(long Generation, long CompletedStep, string StateDigest, string Reason, bool Finished, string? Failure);

/// <summary>This worker's ranks, run together through one generation at a time.</summary>
internal sealed class RankTeam : IDisposable
{
    private readonly IReadOnlyList<RankThread> threads;
    private readonly TrainingReporter reporter;
    private readonly Lock gate = new();
    private Current? current;

    /// <summary>A generation in progress. Aborts and pauses that come before a rank is listening are kept.</summary>
    private sealed class Current(long generation, int ranks)
    {
        public long Generation { get; } = generation;

        public int Ranks { get; } = ranks;

        public CancellationTokenSource Cancellation { get; } = new();

        public bool Pausing { get; set; }

        public bool Saving { get; set; }

        public bool BrokenReported { get; set; }
    }

    public RankTeam(int ranks, Func<int, IRankTrainer> create, TrainingReporter reporter)
    {
        this.reporter = reporter;
        threads = [.. Enumerable.Range(0, ranks).Select(rank => new RankThread(rank, () => create(rank)))];
        reporter.PhaseEntered += RepeatPause;
    }

    public int Count => threads.Count;

    /// <summary>The generation in progress; 0 outside of one.</summary>
    public long Generation
    {
        get
        {
            lock (gate)
            {
                return current?.Generation ?? 0;
            }
        }
    }

    /// <summary>Makes all trainers, each on its thread.</summary>
    /// <returns>Digest of the arenas' layout.</returns>
    public async Task<string> OpenAsync()
    {
        foreach (var thread in threads)
        {
            // One after the other: the first compiles and warms what the others share.
            await thread.OpenAsync().ConfigureAwait(false);
        }

        return threads[0].Trainer.LayoutDigest;
    }

    /// <summary>Runs the ranks through a generation.</summary>
    /// <param name="requests">One for each rank this worker has in it, in local order.</param>
    /// <param name="onBroken">Told at once when the first rank's exchange breaks, while the others are being brought out.</param>
    public async Task<TeamResult> RunAsync(IReadOnlyList<GenerationRequest> requests, Action<GenerationResult> onBroken)
    {
        long number = requests[0].Number;
        var entered = new Current(number, requests.Count);
        lock (gate)
        {
            if (current is not null)
            {
                throw new InvalidOperationException($"Generation {number} cannot begin: generation {current.Generation} is in progress.");
            }

            current = entered;
        }

        reporter.EnterGeneration(number, requests.Count);
        try
        {
            var running = requests.Select((request, local) => threads[local].DoAsync(() => RunRank(threads[local].Trainer, request, entered, onBroken))).ToArray();
            var results = await Task.WhenAll(running).ConfigureAwait(false);
            return await SummariseAsync(number, results).ConfigureAwait(false);
        }
        finally
        {
            reporter.LeaveGeneration();
            lock (gate)
            {
                current = null;
            }

            entered.Cancellation.Dispose();
        }
    }

    /// <summary>All ranks leave the collective now. False when that generation is not in progress.</summary>
    public bool Abort(long generation, string reason)
    {
        lock (gate)
        {
            if (current is null || current.Generation != generation)
            {
                return false;
            }

            Abort_NeedsLock(current, reason);
            return true;
        }
    }

    /// <summary>All ranks of the generation, here and elsewhere, stop after a common step. False when that generation is not in progress.</summary>
    public bool Pause(long generation, bool save)
    {
        lock (gate)
        {
            if (current is null || current.Generation != generation)
            {
                return false;
            }

            current.Pausing = true;
            current.Saving |= save;
        }

        RepeatPause();
        return true;
    }

    /// <summary>State as of now, outside of a generation.</summary>
    public Task<TeamResult> StateAsync() => SummariseAsync(0, []);

    /// <summary>Saves this worker's state outside of a generation, the most advanced rank first.</summary>
    /// <returns>What is saved where, or why nothing is.</returns>
    public async Task<string> RescueAsync()
    {
        string? told = null;
        foreach (var thread in threads.OrderByDescending(thread => thread.Trainer.CompletedStep))
        {
            string saved = await thread.DoAsync(thread.Trainer.Rescue).ConfigureAwait(false);
            told ??= saved;
        }

        return told ?? "";
    }

    public void Dispose()
    {
        reporter.PhaseEntered -= RepeatPause;
        foreach (var thread in threads)
        {
            thread.Dispose();
        }
    }

    private void Abort_NeedsLock(Current aborted, string reason)
    {
        foreach (var thread in threads.Take(aborted.Ranks))
        {
            thread.Trainer.Abort(reason);
        }

        // A rank whose thread has not begun yet finds its token cancelled.
        aborted.Cancellation.Cancel();
    }

    private GenerationResult RunRank(IRankTrainer trainer, GenerationRequest request, Current entered, Action<GenerationResult> onBroken)
    {
        if (entered.Cancellation.IsCancellationRequested)
        {
            return new GenerationResult(GenerationEnd.Aborted, "Aborted before it began.", trainer.CompletedStep);
        }

        GenerationResult result;
        try
        {
            result = trainer.Run(request, entered.Cancellation.Token);
        }
        catch
        {
            lock (gate)
            {
                Abort_NeedsLock(entered, $"Rank {request.Rank} broke down.");
            }

            throw;
        }

        if (result.End is GenerationEnd.CollectiveFailed or GenerationEnd.Failed)
        {
            bool first;
            lock (gate)
            {
                first = !entered.BrokenReported && !entered.Cancellation.IsCancellationRequested;
                entered.BrokenReported = true;
                Abort_NeedsLock(entered, result.Reason);
            }

            if (first && result.End == GenerationEnd.CollectiveFailed)
            {
                onBroken(result);
            }
        }

        return result;
    }

    private async Task<TeamResult> SummariseAsync(long generation, GenerationResult[] results)
    {
        var states = new List<(long Step, string Digest)>();
        foreach (var thread in threads)
        {
            states.Add(await thread.DoAsync(() => (thread.Trainer.CompletedStep, thread.Trainer.StateDigest())).ConfigureAwait(false));
        }

        var (step, digest) = states.MaxBy(state => state.Step);
        string? failure = results.FirstOrDefault(result => result.End == GenerationEnd.Failed)?.Reason;
        if (step >= 0 && states.FindIndex(state => state.Step == step && state.Digest != digest) is >= 0 and var other)
        {
            failure ??= $"After step {step} two ranks of this worker hold different states, {digest} and {states[other].Digest}: one of them computed wrongly. Test this machine's memory and start again from the last checkpoint.";
        }

        // The rank that broke off says more than those it took with it.
        var telling = results.FirstOrDefault(result => result.End == GenerationEnd.CollectiveFailed) ?? results.FirstOrDefault();
        return new TeamResult(generation, step, digest, telling?.Reason ?? "", results.Length > 0 && results.All(result => result.End == GenerationEnd.Finished), failure);
    }

    private void RepeatPause()
    {
        lock (gate)
        {
            if (current is { Pausing: true } pausing)
            {
                foreach (var thread in threads.Take(pausing.Ranks))
                {
                    thread.Trainer.RequestPause(pausing.Saving);
                }
            }
        }
    }
}
