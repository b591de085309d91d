namespace Diffusion.Cli.Soak;

/// <summary>A fault that happened.</summary>
internal sealed class SoakInjection(SoakFault fault, DateTime at, long generation, IReadOnlyList<string> victims)
{
    public SoakFault Fault { get; } = fault;

    public DateTime At { get; set; } = at;

    /// <summary>Generation in which it happened.</summary>
    public long Generation { get; } = generation;

    /// <summary>Members of the generation that it struck; empty when it struck none, as when a worker was still starting.</summary>
    public IReadOnlyList<string> Victims { get; } = victims;

    /// <summary>Until the coordinator, or whoever started it anew, answered again.</summary>
    public TimeSpan? AnsweredAfter { get; set; }
}
