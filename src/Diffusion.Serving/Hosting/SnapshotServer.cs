using System.Net;
using System.Net.Sockets;
using Diffusion.Contracts.Configuration;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Library;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Diffusion.Serving;

/// <summary>How finished runs are served.</summary>
public sealed record SnapshotServerOptions
{
    /// <summary>Directories of the runs.</summary>
    public required IReadOnlyList<string> Runs { get; init; }

    /// <summary>How reconstructions are made and kept.</summary>
    public required SnapshotLibraryOptions Library { get; init; }

    /// <summary>How evaluations of them are queued.</summary>
    public EvaluationHostOptions Evaluations { get; init; } = new();

    /// <summary>Address to listen on.</summary>
    /// <value>Loopback.</value>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>Port for gRPC; 0 for a free one.</summary>
    public int GrpcPort { get; init; }

    /// <summary>Port for plain HTTP; 0 for a free one, null for none.</summary>
    public int? HttpPort { get; init; } = 0;
}

/// <summary>Serves the snapshots of runs, without a coordinator.</summary>
public sealed class SnapshotServer : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly ServingPorts ports;

    private SnapshotServer(WebApplication web, SnapshotLibrary library, ServingPorts ports)
    {
        this.web = web;
        this.ports = ports;
        Library = library;
    }

    /// <summary>Where gRPC listens.</summary>
    public IPEndPoint Grpc => ports.Grpc;

    /// <summary>Where plain HTTP listens; null when it does not.</summary>
    public IPEndPoint? Http => ports.Http;

    /// <summary>What is served.</summary>
    public SnapshotLibrary Library { get; }

    /// <summary>Starts serving.</summary>
    /// <exception cref="ConfigurationException">A directory is no run, or a port is taken.</exception>
    public static async Task<SnapshotServer> StartAsync(SnapshotServerOptions options, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var ports = new ServingPorts(options.Bind, options.GrpcPort, options.HttpPort);
        var library = Open(options);
        var web = Build(library, options.Evaluations, ports, loggers);
        try
        {
            await web.StartAsync(cancellationToken).ConfigureAwait(false);
            ports.Read(web);
            return new SnapshotServer(web, library, ports);
        }
        catch (Exception e)
        {
            await web.DisposeAsync().ConfigureAwait(false);
            await library.DisposeAsync().ConfigureAwait(false);
            if (e is IOException or SocketException)
            {
                throw new ConfigurationException($"Cannot listen: {e.Message.TrimEnd('.')}. Choose another --grpc-port or --http-port, leave them out to have free ones, or bind an address of this box.");
            }

            throw;
        }
    }

    /// <summary>Ends at once; readers in the middle of a file may come back later.</summary>
    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await web.StopAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await web.DisposeAsync().ConfigureAwait(false);
        await Library.DisposeAsync().ConfigureAwait(false);
    }

    private static SnapshotLibrary Open(SnapshotServerOptions options)
    {
        try
        {
            return SnapshotLibrary.Open(options.Runs, options.Library);
        }
        catch (WeightsRefusedException e)
        {
            throw new ConfigurationException(e.Message);
        }
    }

    private static WebApplication Build(SnapshotLibrary library, EvaluationHostOptions evaluations, ServingPorts ports, ILoggerFactory loggers)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.Replace(ServiceDescriptor.Singleton<ILoggerFactory>(new QuietLoggers(loggers)));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.WebHost.ConfigureKestrel(ports.Configure);
        builder.Services.AddSnapshotServing(library, ports, evaluations);
        builder.Services.AddGrpc();
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks();
        var application = builder.Build();
        application.MapSnapshotServing();
        application.MapGrpcReflectionService();
        application.MapGrpcHealthChecksService();
        return application;
    }
}
