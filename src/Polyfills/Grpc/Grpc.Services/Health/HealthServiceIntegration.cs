using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.AspNetCore.HealthChecks;

/// <summary>Answers probes by running the host's health checks.</summary>
internal sealed class HealthServiceIntegration(HealthServiceImpl statuses, HealthCheckService checks, IOptions<GrpcHealthChecksOptions> options)
    : Grpc.Health.V1.Health.HealthBase
{
    public override async Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        await RunChecksAsync(request.Service, context.CancellationToken).ConfigureAwait(false) is { } status
            ? new HealthCheckResponse { Status = status }
            : await statuses.Check(request, context).ConfigureAwait(false);

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        // The first status is fresh; later ones come with the periodic runs of the publisher.
        if (await RunChecksAsync(request.Service, context.CancellationToken).ConfigureAwait(false) is { } status)
        {
            statuses.SetStatus(request.Service, status);
        }

        await statuses.Watch(request, responseStream, context).ConfigureAwait(false);
    }

    /// <summary>The status now; null when it is to be taken from the last periodic run or the service is not mapped.</summary>
    private async Task<ServingStatus?> RunChecksAsync(string service, CancellationToken cancellationToken)
    {
        if (options.Value.UseHealthChecksCache || !options.Value.Services.TryGet(service, out var mapping))
        {
            return null;
        }

        var report = await checks
            .CheckHealthAsync(check => mapping.HealthCheckPredicate!(new HealthCheckMapContext(check.Name, check.Tags)), cancellationToken)
            .ConfigureAwait(false);
        return HealthStatuses.ToServing(report.Entries.Values.Select(entry => entry.Status));
    }
}

/// <summary>Carries the periodic runs of the health checks to those who watch.</summary>
internal sealed class GrpcHealthChecksPublisher : IHealthCheckPublisher, IDisposable
{
    private readonly HealthServiceImpl statuses;
    private readonly IOptions<GrpcHealthChecksOptions> options;
    private readonly CancellationTokenRegistration stopping;

    public GrpcHealthChecksPublisher(HealthServiceImpl statuses, IOptions<GrpcHealthChecksOptions> options, IHostApplicationLifetime lifetime)
    {
        this.statuses = statuses;
        this.options = options;
        if (!options.Value.SuppressCompletionOnShutdown)
        {
            stopping = lifetime.ApplicationStopping.Register(statuses.CompleteWatches);
        }
    }

    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        foreach (var mapping in options.Value.Services)
        {
            var deciding = report.Entries
                .Where(entry => mapping.HealthCheckPredicate!(new HealthCheckMapContext(entry.Key, entry.Value.Tags)))
                .Select(entry => entry.Value.Status);
            statuses.SetStatus(mapping.Name, HealthStatuses.ToServing(deciding));
        }

        return Task.CompletedTask;
    }

    public void Dispose() => stopping.Dispose();
}

internal static class HealthStatuses
{
    /// <summary>One unhealthy check is enough; a degraded one still serves; without any check nothing is known.</summary>
    internal static ServingStatus ToServing(IEnumerable<HealthStatus> deciding)
    {
        var worst = deciding.Select(status => (HealthStatus?)status).Min();
        return worst switch
        {
            null => ServingStatus.Unknown,
            HealthStatus.Unhealthy => ServingStatus.NotServing,
            _ => ServingStatus.Serving,
        };
    }
}
