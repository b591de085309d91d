using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Transport;

public sealed class LimitTests
{
    private const int MiB = 1024 * 1024;

    [Fact]
    public async Task Receive_OverTheServersLimit_IsResourceExhausted()
    {
        await using var server = await ProbeServer.StartAsync(grpc => grpc.MaxReceiveMessageSize = 1000);
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);

        var failure = await Calls.FailureAsync(async () => await client.EchoAsync(Payload(1001)));

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.Equal(900, (await client.EchoAsync(Payload(900))).Payload.Length);
    }

    [Fact]
    public async Task Receive_OverTheClientsLimit_IsResourceExhausted()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect(options => options.MaxReceiveMessageSize = 1000);

        var failure = await Calls.FailureAsync(async () => await new ProbeService.ProbeServiceClient(channel).EchoAsync(Payload(1001)));

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
    }

    [Fact]
    public async Task Send_OverTheClientsLimit_IsResourceExhausted()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect(options => options.MaxSendMessageSize = 1000);

        var failure = await Calls.FailureAsync(async () => await new ProbeService.ProbeServiceClient(channel).EchoAsync(Payload(1001)));

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
    }

    [Fact]
    public async Task BodyLimit_Kestrels30MB_StopsALargeUnaryRequest()
    {
        await using var server = await ProbeServer.StartAsync(grpc => grpc.MaxReceiveMessageSize = null);
        using var channel = server.Connect(options => options.MaxReceiveMessageSize = null);

        var failure = await Calls.FailureAsync(async () => await new ProbeService.ProbeServiceClient(channel).EchoAsync(Payload(32 * MiB)));

        Assert.NotEqual(StatusCode.OK, failure.StatusCode);
    }

    [Fact]
    public async Task BodyLimit_Lifted_LargeUnaryRequestPasses()
    {
        await using var server = await ProbeServer.StartAsync(grpc => grpc.MaxReceiveMessageSize = null, kestrel => kestrel.Limits.MaxRequestBodySize = null);
        using var channel = server.Connect(options => options.MaxReceiveMessageSize = null);

        var response = await new ProbeService.ProbeServiceClient(channel).EchoAsync(Payload(32 * MiB)).ResponseAsync.Soon();

        Assert.Equal(32 * MiB, response.Payload.Length);
    }

    [Fact]
    public async Task BodyLimit_InPlace_DoesNotStopAClientStream()
    {
        // The transport lifts the limit itself for streams of requests.
        await using var server = await ProbeServer.StartAsync(kestrel: kestrel => kestrel.Limits.MaxRequestBodySize = 1000);
        using var channel = server.Connect();
        using var call = new ProbeService.ProbeServiceClient(channel).Sum();

        for (var sent = 0; sent < 1000; sent++)
        {
            await call.RequestStream.WriteAsync(new SumRequest { Value = 1 });
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal(1000, (await call.ResponseAsync.Soon()).Total);
    }

    [Fact]
    public async Task Compression_GzipBothWays_LeavesTheMessageAsItWas()
    {
        await using var server = await ProbeServer.StartAsync(grpc => grpc.ResponseCompressionAlgorithm = "gzip");
        using var channel = server.Connect();

        using var call = new ProbeService.ProbeServiceClient(channel).EchoAsync(Payload(100_000), new Metadata { { "grpc-internal-encoding-request", "gzip" } });

        Assert.Equal(Payload(100_000).Payload, (await call.ResponseAsync.Soon()).Payload);
    }

    private static EchoRequest Payload(int bytes) => new() { Payload = UnsafeByteOperations.UnsafeWrap(new byte[bytes]) };
}
