namespace Diffusion.Cli;

/// <summary>What the program says to the shell.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>It was tried and failed; the reason is on standard error.</summary>
    public const int Failed = 1;

    /// <summary>What was asked for cannot be: unknown options, a bad configuration, bad data. Nothing was changed.</summary>
    public const int Refused = 2;

    /// <summary>Something this machine needs is missing; <c>doctor</c> says what.</summary>
    public const int NotReady = 3;

    /// <summary>Ended by Ctrl-C, as shells expect it.</summary>
    public const int Interrupted = 130;
}
