namespace Diffusion.Cli;

internal static class Program
{
    /// <summary>How the user starts this program, for commands to copy.</summary>
    public static string Shown => Environment.GetEnvironmentVariable("DIFFUSION_LAUNCHER") ?? "diffusion";

    public static Task<int> Main(string[] args) => CommandLine.RunAsync(args);
}
