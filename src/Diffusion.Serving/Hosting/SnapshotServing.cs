using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Library;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Diffusion.Serving;

/// <summary>What a server adds to serve snapshots, and to have them evaluated.</summary>
public static class SnapshotServing
{
    /// <summary>Registers what the endpoints need; gRPC itself is the server's.</summary>
    public static IServiceCollection AddSnapshotServing(this IServiceCollection services, SnapshotLibrary library, ServingPorts ports, EvaluationHostOptions? evaluations = null) =>
        services.AddSingleton(library).AddSingleton(ports).AddProblemDetails()
            .AddSingleton(s => new EvaluationHost(library, evaluations ?? new EvaluationHostOptions(), TimeProvider.System, s.GetRequiredService<ILoggerFactory>().CreateLogger<EvaluationHost>()));

    /// <summary>Adds the gRPC services and, below <c>/runs</c>, the routes of plain HTTP. A page may be mapped beside them.</summary>
    public static void MapSnapshotServing(this WebApplication application)
    {
        application.MapGrpcService<SnapshotEndpoint>();
        application.MapGrpcService<EvaluationEndpoint>();

        // The queues of evaluations end with the application, which owns the host.
        application.Services.GetRequiredService<EvaluationHost>().Start();
        SnapshotRoutes.Map(application);
    }
}
