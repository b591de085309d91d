using Grpc.Core;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Transport;

public sealed class ConnectionTests
{
    [Fact]
    public async Task KeepAlive_FrozenServer_CallEndsUnavailable()
    {
        await using var server = await ProbeServer.StartAsync();
        await using var proxy = new FlakyProxy(server.Address);
        using var handler = new SocketsHttpHandler
        {
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
            KeepAlivePingDelay = TimeSpan.FromSeconds(1),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(1),
        };
        using var channel = ProbeServer.Connect(proxy.Address, options => options.HttpHandler = handler);
        var call = new ProbeService.ProbeServiceClient(channel).HangAsync(new HangRequest());
        await server.State.Hanging.Soon();

        proxy.Freeze();

        var failure = await Calls.FailureAsync(() => call.ResponseAsync);
        Assert.Contains(failure.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal });
    }

    [Fact]
    public async Task KeepAlive_FrozenClient_HandlerIsCancelled()
    {
        await using var server = await ProbeServer.StartAsync(kestrel: kestrel =>
        {
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(1);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(1);
        });
        await using var proxy = new FlakyProxy(server.Address);
        using var channel = ProbeServer.Connect(proxy.Address);
        using var call = new ProbeService.ProbeServiceClient(channel).HangAsync(new HangRequest());
        await server.State.Hanging.Soon();

        proxy.Freeze();

        await server.State.Cancelled.Soon();
    }

    [Fact]
    public async Task Connection_Cut_CallEndsAndTheNextOneReconnects()
    {
        await using var server = await ProbeServer.StartAsync();
        await using var proxy = new FlakyProxy(server.Address);
        using var channel = ProbeServer.Connect(proxy.Address);
        var client = new ProbeService.ProbeServiceClient(channel);
        var call = client.HangAsync(new HangRequest());
        await server.State.Hanging.Soon();

        proxy.Cut();

        var failure = await Calls.FailureAsync(() => call.ResponseAsync);
        Assert.Contains(failure.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal });
        await server.State.Cancelled.Soon();
        var deadline = TimeProvider.System.GetUtcNow().Add(Wait.Bound).UtcDateTime;
        var options = new CallOptions(deadline: deadline).WithWaitForReady();
        Assert.Equal("back", (await client.EchoAsync(new EchoRequest { Text = "back" }, options)).Text);
    }

    [Fact]
    public async Task BackPressure_ClientDoesNotRead_ServerIsHeldBack()
    {
        const int Messages = 2000;
        const int PayloadBytes = 64 * 1024;
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new ProbeService.ProbeServiceClient(channel).Count(new CountRequest { Count = Messages, PayloadBytes = PayloadBytes });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());

        var ahead = await StandstillAsync(() => server.State.MessagesWritten);

        // HTTP/2 windows and buffers hold a few megabytes at most; the whole stream is 125 MB.
        Assert.InRange(ahead * PayloadBytes, 1, 32 * 1024 * 1024);
        var read = 1;
        while (await call.ResponseStream.MoveNext(CancellationToken.None).Soon())
        {
            read++;
        }

        Assert.Equal(Messages, read);
    }

    /// <summary>The value at which a counter has stood still for half a second.</summary>
    private static async Task<long> StandstillAsync(Func<long> counter)
    {
        using var bound = new CancellationTokenSource(Wait.Bound);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        var (last, still) = (-1L, 0);
        while (still < 5 && await timer.WaitForNextTickAsync(bound.Token))
        {
            var now = counter();
            still = now == last ? still + 1 : 0;
            last = now;
        }

        return last;
    }
}
