namespace Diffusion.Native.Collectives;

/// <summary>Where a rank listens, and how long joining may take.</summary>
public sealed record GlooOptions
{
    /// <summary>Name or address of this box that peers can reach.</summary>
    /// <value>127.0.0.1: ranks of one box.</value>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Network interface to listen on instead, e.g. eth0. Wins over <see cref="Host"/>.</summary>
    public string? Interface { get; init; }

    /// <summary>The longest time until all ranks are connected.</summary>
    /// <value>30 s.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(30);
}
