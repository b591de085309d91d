using Diffusion.V1;

namespace Diffusion.Cli.Processes;

/// <summary>The lines by which a coordinator tells who started it where it listens, and how the run ended.</summary>
internal static class CoordinatorAnnouncement
{
    public const string Prefix = "listening on ";

    public const string EndPrefix = "ended ";

    /// <summary>The end that a line tells of; null for any other line.</summary>
    public static RunStatus? End(string line)
    {
        string[] parts = line.StartsWith(EndPrefix, StringComparison.Ordinal) ? line[EndPrefix.Length..].Split(": ", 2) : [];
        return parts.Length == 2 && Enum.TryParse(parts[0], out RunPhase phase) ? new RunStatus { Phase = phase, Reason = parts[1] } : null;
    }
}
