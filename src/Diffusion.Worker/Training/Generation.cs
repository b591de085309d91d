using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Training;

/// <summary>What one rank needs to train in one generation: its place, its shards, its connection.</summary>
internal sealed record GenerationRequest
{
    /// <summary>Number of the generation; everything a rank exchanges carries it.</summary>
    public required long Number { get; init; }

    /// <summary>This rank's place among <see cref="RankCount"/>.</summary>
    public required int Rank { get; init; }

    /// <summary>Ranks of the generation.</summary>
    public required int RankCount { get; init; }

    /// <summary>Which shards each rank computes.</summary>
    public required ShardPlan Shards { get; init; }

    /// <summary>Connects to the other ranks; blocks until all are there, the token is cancelled or the time is over. The trainer disposes what it gets.</summary>
    public required Func<CancellationToken, IPeerTransport> Connect { get; init; }

    /// <summary>Longest wait for the other ranks in one exchange.</summary>
    public required TimeSpan CollectiveTimeout { get; init; }

    /// <summary>
    /// Longest wait for the other ranks to have done their shards. Steps are as long as they are; a hang is found by the coordinator, which sees who computes. Null: as <see cref="CollectiveTimeout"/>.
    /// </summary>
    public TimeSpan? StepTimeout { get; init; }

    /// <summary>Whether this rank writes snapshots, checkpoints and metrics.</summary>
    public bool Writes { get; init; }
}

/// <summary>How a generation ended for a rank. In every case but <see cref="Failed"/> the rank holds a whole state and can enter the next one.</summary>
internal enum GenerationEnd
{
    /// <summary>All ranks agreed to pause after the same step.</summary>
    Paused,

    /// <summary>The run's last step is done, its snapshots and checkpoint are written.</summary>
    Finished,

    /// <summary>Aborted from outside, because a member is gone.</summary>
    Aborted,

    /// <summary>An exchange failed: a peer broke off, or did not answer in time.</summary>
    CollectiveFailed,

    /// <summary>This rank cannot go on, and no other could: bad data, too many non-finite gradients.</summary>
    Failed,
}

/// <summary>The end of a generation for one rank.</summary>
/// <param name="End">How it ended.</param>
/// <param name="Reason">One sentence for the log and the coordinator.</param>
/// <param name="CompletedStep">Steps whose update this rank holds; -1 when it has no state.</param>
/// <param name="PeerRank">The rank that was waited for when an exchange failed; -1 otherwise.</param>
/// <param name="TimedOut">The exchange failed because nothing came in time, over connections that stand.</param>
/// <param name="Detail">What was being exchanged, for people.</param>
internal sealed record GenerationResult(GenerationEnd End, string Reason, long CompletedStep, int PeerRank = -1, bool TimedOut = false, string Detail = "")
{
    /// <summary><see cref="Detail"/> of a rank that did not reach the others.</summary>
    public const string Connecting = "connecting";
}
