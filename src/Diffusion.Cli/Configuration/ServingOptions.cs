using System.CommandLine;
using System.Net;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>Options of every verb that listens.</summary>
internal static class ServingOptions
{
    public static Option<string> Bind() => new("--bind") { Description = "Address to listen on; 0.0.0.0 for all", HelpName = "ADDR", DefaultValueFactory = _ => "127.0.0.1" };

    public static Option<int?> HttpPort() => new("--http-port") { Description = "Port for plain HTTP, snapshots below /runs [default: a free one]", HelpName = "PORT" };

    public static Option<string> CacheSize() => new("--cache-size") { Description = "Disk space for reconstructed weights, those used longest ago go first", HelpName = "SIZE", DefaultValueFactory = _ => "10GB" };

    /// <exception cref="ConfigurationException">It is no address.</exception>
    public static IPAddress Address(string? text) =>
        IPAddress.TryParse(text, out var address) ? address : throw new ConfigurationException($"--bind '{text}' is no IP address, such as 127.0.0.1 or 0.0.0.0.");

    /// <returns>0 for a free one.</returns>
    /// <exception cref="ConfigurationException">It is no port.</exception>
    public static int Port(string option, int? port) => port is null or (>= 0 and <= 65535)
        ? port ?? 0
        : throw new ConfigurationException($"{option} is {port}; 1 to 65535, or leave it out for a free one.");
}
