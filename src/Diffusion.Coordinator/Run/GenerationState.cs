using System.Collections.Immutable;

namespace Diffusion.Coordinator.Run;

/// <summary>How far a generation is from its end.</summary>
internal enum GenerationStage
{
    Running,

    /// <summary>Asked to pause after the step in flight.</summary>
    Pausing,

    /// <summary>Told to leave the collective at once.</summary>
    Aborting,
}

/// <summary>Shards [First, End) of one rank.</summary>
internal sealed record RankShards(int Rank, int First, int End);

/// <summary>A worker's place in a generation.</summary>
internal sealed record MemberPlan(string WorkerId, string Name, string DataAddress, ImmutableArray<RankShards> Ranks)
{
    public int ShardCount => Ranks.Sum(rank => rank.End - rank.First);
}

/// <summary>Who trains what in one generation, in rank order. This is what is journalled and sent to the members.</summary>
internal sealed record GenerationPlan(long Number, ImmutableArray<MemberPlan> Members, string WriterId, string Reason)
{
    public int RankCount => Members.Sum(member => member.Ranks.Length);

    public MemberPlan? Member(string workerId) => Members.FirstOrDefault(member => member.WorkerId == workerId);
}

/// <summary>The generation that trains now, or is being ended.</summary>
internal sealed record GenerationState
{
    public required GenerationPlan Plan { get; init; }

    public GenerationStage Stage { get; init; } = GenerationStage.Running;

    /// <summary>When <see cref="Stage"/> was entered.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Why it runs, pauses or aborts.</summary>
    public required string Reason { get; init; }

    /// <summary>Last time a member completed a step, or the start.</summary>
    public required DateTimeOffset LastAdvance { get; init; }

    /// <summary>Highest step a member completed in it; -1 before the first.</summary>
    public long CompletedStep { get; init; } = -1;

    /// <summary>A member was lost in it, so that its failure is explained.</summary>
    public bool LostMember { get; init; }

    /// <summary>The pause asks for a checkpoint.</summary>
    public bool Saves { get; init; }

    public long Number => Plan.Number;
}
