using Grpc.Core;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Transport;

/// <summary>Either side learns when the other gives up. Any exception of a call whose token or deadline fired is that cancellation.</summary>
public sealed class CancellationTests
{
    [Fact]
    public async Task Deadline_Passes_BothSidesEnd()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);
        // A deadline that passes while the connection is being made never reaches the handler, so make it first.
        await client.EchoAsync(new EchoRequest()).ResponseAsync.Soon();
        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(2).UtcDateTime;
        var call = client.HangAsync(new HangRequest(), deadline: deadline);
        await server.State.Hanging.Soon();

        var failure = await Calls.FailureAsync(() => call.ResponseAsync);

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        await server.State.Cancelled.Soon();
        Assert.InRange(server.State.Deadline, deadline.AddSeconds(-2), deadline.AddSeconds(2));
    }

    [Fact]
    public async Task Deadline_None_IsTheEndOfTime()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new ProbeService.ProbeServiceClient(channel).HangAsync(new HangRequest());
        await server.State.Hanging.Soon();

        Assert.Equal(DateTime.MaxValue, server.State.Deadline);
    }

    [Fact]
    public async Task Token_Fires_HandlerSeesIt()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var source = new CancellationTokenSource();
        var call = new ProbeService.ProbeServiceClient(channel).HangAsync(new HangRequest(), cancellationToken: source.Token);
        await server.State.Hanging.Soon();

        await source.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Calls.FailureAsync(() => call.ResponseAsync)).StatusCode);
        await server.State.Cancelled.Soon();
    }

    [Fact]
    public async Task Dispose_InMidCall_HandlerSeesIt()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var call = new ProbeService.ProbeServiceClient(channel).HangAsync(new HangRequest());
        await server.State.Hanging.Soon();

        call.Dispose();

        await server.State.Cancelled.Soon();
    }

    [Fact]
    public async Task Stream_TokenFiresBetweenMessages_ReadEnds()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var source = new CancellationTokenSource();
        using var call = new ProbeService.ProbeServiceClient(channel).Chat(cancellationToken: source.Token);
        await call.RequestStream.WriteAsync(new ChatRequest { Text = "one" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());
        var next = call.ResponseStream.MoveNext(CancellationToken.None);

        await source.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Calls.FailureAsync(() => next)).StatusCode);
    }

    [Fact]
    public async Task ServerStops_InMidCall_ClientIsTold()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var call = new ProbeService.ProbeServiceClient(channel).HangAsync(new HangRequest());
        await server.State.Hanging.Soon();

        // A stop that may take no time aborts what is in progress.
        using var atOnce = new CancellationTokenSource(TimeSpan.Zero);
        await server.StopAsync(atOnce.Token).Soon();

        var failure = await Calls.FailureAsync(() => call.ResponseAsync);
        Assert.Contains(failure.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Cancelled, StatusCode.Internal, StatusCode.Unknown });
        await server.State.Cancelled.Soon();
    }
}
