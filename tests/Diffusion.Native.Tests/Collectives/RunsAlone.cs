namespace Diffusion.Native.Tests.Collectives;

/// <summary>Tests with bounds in milliseconds run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "runs alone";
}
