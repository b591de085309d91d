using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Grpc.Tests.Services;

public sealed class HealthTests
{
    [Fact]
    public async Task Check_OneHealthyCheck_Serves()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();

        var response = await new Health.V1.Health.HealthClient(channel).CheckAsync(new HealthCheckRequest());

        Assert.Equal(ServingStatus.Serving, response.Status);
    }

    [Fact]
    public async Task Check_UnknownService_IsNotFound()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();

        var failure = await Calls.FailureAsync(async () => await new Health.V1.Health.HealthClient(channel).CheckAsync(new HealthCheckRequest { Service = "nobody" }));

        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
    }

    [Fact]
    public async Task Check_MappedServices_AreDecidedByTheirOwnChecks()
    {
        var disk = HealthStatus.Unhealthy;
        await using var server = await StartAsync(() => disk);
        using var channel = server.Connect();
        var client = new Health.V1.Health.HealthClient(channel);

        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest())).Status);
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest { Service = "storage" })).Status);
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest { Service = "membership" })).Status);

        Assert.Equal(ServingStatus.Unknown, (await client.CheckAsync(new HealthCheckRequest { Service = "unchecked" })).Status);

        disk = HealthStatus.Degraded;
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest())).Status);
    }

    [Fact]
    public async Task Watch_UnknownService_IsServiceUnknown()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var watch = new Health.V1.Health.HealthClient(channel).Watch(new HealthCheckRequest { Service = "nobody" });

        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).Soon());
        Assert.Equal(ServingStatus.ServiceUnknown, watch.ResponseStream.Current.Status);
    }

    [Fact]
    public async Task Watch_PeriodicRun_ReachesWatchers()
    {
        var disk = HealthStatus.Healthy;
        await using var server = await StartAsync(() => disk, period: TimeSpan.FromSeconds(1));
        using var channel = server.Connect();
        using var watch = new Health.V1.Health.HealthClient(channel).Watch(new HealthCheckRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).Soon());

        disk = HealthStatus.Unhealthy;

        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).Soon());
        Assert.Equal(ServingStatus.NotServing, watch.ResponseStream.Current.Status);
    }

    [Fact]
    public async Task Watch_ServerStops_SaysSoAndEndsWell()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var watch = new Health.V1.Health.HealthClient(channel).Watch(new HealthCheckRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).Soon());
        var next = watch.ResponseStream.MoveNext(CancellationToken.None);

        await server.StopAsync(CancellationToken.None).Soon();

        Assert.True(await next.Soon());
        Assert.Equal(ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        Assert.False(await watch.ResponseStream.MoveNext(CancellationToken.None).Soon());
    }

    private static Task<ProbeServer> StartAsync(Func<HealthStatus> disk, TimeSpan? period = null) => ProbeServer.StartAsync(services: services =>
    {
        services.AddGrpcHealthChecks(options =>
            {
                options.Services.Map("storage", check => check.Tags.Contains("storage"));
                options.Services.Map("unchecked", _ => false);
                options.Services.Map("membership", check => check.Name == "membership");
            })
            .AddCheck("disk", () => new HealthCheckResult(disk()), ["storage"])
            .AddCheck("membership", () => HealthCheckResult.Healthy());
        services.Configure<HealthCheckPublisherOptions>(options =>
        {
            options.Delay = period ?? TimeSpan.FromMinutes(10);
            options.Period = period ?? TimeSpan.FromMinutes(10);
        });
    });
}
