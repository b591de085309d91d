using Grpc.AspNetCore.Server;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace Grpc.Tests.Hosting;

/// <summary>Kestrel on a free loopback port, clear text HTTP/2, with the probe service, health and reflection.</summary>
internal sealed class ProbeServer : IAsyncDisposable
{
    private readonly WebApplication application;

    private ProbeServer(WebApplication application) => this.application = application;

    public ProbeState State => application.Services.GetRequiredService<ProbeState>();

    public IServiceProvider Services => application.Services;

    public Uri Address => new(application.Urls.Single());

    public static async Task<ProbeServer> StartAsync(
        Action<GrpcServiceOptions>? grpc = null,
        Action<KestrelServerOptions>? kestrel = null,
        Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Listen(System.Net.IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2);
            kestrel?.Invoke(options);
        });
        builder.Services.AddGrpc(options => grpc?.Invoke(options));
        builder.Services.AddGrpcReflection();
        builder.Services.AddGrpcHealthChecks().AddCheck("probe", () => HealthCheckResult.Healthy());
        builder.Services.AddSingleton<ProbeState>();
        services?.Invoke(builder.Services);
        var application = builder.Build();
        application.MapGrpcService<ProbeServiceHandler>();
        application.MapGrpcHealthChecksService();
        application.MapGrpcReflectionService();
        await application.StartAsync();
        return new ProbeServer(application);
    }

    public GrpcChannel Connect(Action<GrpcChannelOptions>? configure = null) => Connect(Address, configure);

    public static GrpcChannel Connect(Uri address, Action<GrpcChannelOptions>? configure = null)
    {
        var options = new GrpcChannelOptions();
        configure?.Invoke(options);
        return GrpcChannel.ForAddress(address, options);
    }

    public Task StopAsync(CancellationToken cancellationToken) => application.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => application.DisposeAsync();
}
