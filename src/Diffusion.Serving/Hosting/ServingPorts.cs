using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Diffusion.Serving;

/// <summary>The two ports of one server: without TLS a port speaks either HTTP/2, for gRPC, or HTTP/1.1, for everybody else.</summary>
/// <param name="bind">Address to listen on.</param>
/// <param name="grpcPort">Port for gRPC; 0 for a free one.</param>
/// <param name="httpPort">Port for plain HTTP; 0 for a free one, null for none.</param>
public sealed class ServingPorts(IPAddress bind, int grpcPort, int? httpPort)
{
    /// <summary>Where gRPC listens, once the server has started.</summary>
    public IPEndPoint Grpc { get; private set; } = new(bind, grpcPort);

    /// <summary>Where plain HTTP listens, once the server has started; null when it does not.</summary>
    public IPEndPoint? Http { get; private set; } = httpPort is { } port ? new IPEndPoint(bind, port) : null;

    /// <summary>Sets the ports and what bulk transfers need: no limit on bodies, no minimum rate.</summary>
    public void Configure(KestrelServerOptions kestrel)
    {
        kestrel.Listen(Grpc, listen => listen.Protocols = HttpProtocols.Http2);
        if (Http is not null)
        {
            kestrel.Listen(Http, listen => listen.Protocols = HttpProtocols.Http1);
        }

        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = 1024;
    }

    /// <summary>Reads from a started server which ports it got.</summary>
    public void Read(WebApplication application)
    {
        int[] ports = [.. application.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Select(address => new Uri(address).Port)];
        Grpc = new IPEndPoint(bind, ports[0]);
        Http = httpPort is null ? null : new IPEndPoint(bind, ports[1]);
    }
}
