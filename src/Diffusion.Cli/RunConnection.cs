using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Diffusion.Cli;

/// <summary>Finds the coordinator of a run, by its directory or its address.</summary>
internal static class RunConnection
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Address of the coordinator; null when the argument is a run directory in which none is at work.</summary>
    /// <exception cref="ConfigurationException">The argument is neither a directory nor an address.</exception>
    public static string? AddressOf(string runOrAddress)
    {
        if (!Directory.Exists(runOrAddress))
        {
            int colon = runOrAddress.LastIndexOf(':');
            return colon > 0 && ushort.TryParse(runOrAddress[(colon + 1)..], out _)
                ? runOrAddress
                : throw new ConfigurationException($"'{runOrAddress}' is neither a run directory nor HOST:PORT.");
        }

        var run = new RunDirectory(runOrAddress);
        run.RequiredConfig();
        return File.Exists(run.CoordinatorFile) ? JsonNode.Parse(File.ReadAllText(run.CoordinatorFile))?["endpoint"]?.GetValue<string>() : null;
    }

    /// <summary>Calls the run's service; null when nobody answers there.</summary>
    public static async Task<T?> TryCallAsync<T>(string address, Func<RunService.RunServiceClient, CallOptions, AsyncUnaryCall<T>> call, CancellationToken cancellationToken)
        where T : class
    {
        using var channel = GrpcChannel.ForAddress($"http://{address}");
        try
        {
            return await call(new RunService.RunServiceClient(channel), new CallOptions(deadline: (TimeProvider.System.GetUtcNow() + Patience).UtcDateTime, cancellationToken: cancellationToken));
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
        {
            return null;
        }
    }
}
