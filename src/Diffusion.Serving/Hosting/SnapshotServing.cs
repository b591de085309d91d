using Diffusion.Snapshots.Library;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Diffusion.Serving;

/// <summary>What a server adds to serve snapshots.</summary>
public static class SnapshotServing
{
    /// <summary>Registers what the endpoints need; gRPC itself is the server's.</summary>
    public static IServiceCollection AddSnapshotServing(this IServiceCollection services, SnapshotLibrary library, ServingPorts ports) =>
        services.AddSingleton(library).AddSingleton(ports).AddProblemDetails();

    /// <summary>Adds the gRPC service and, below <c>/runs</c>, the routes of plain HTTP. A page may be mapped beside them.</summary>
    public static void MapSnapshotServing(this WebApplication application)
    {
        application.MapGrpcService<SnapshotEndpoint>();
        SnapshotRoutes.Map(application);
    }
}
