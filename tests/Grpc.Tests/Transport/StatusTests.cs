using Grpc.Core;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Transport;

public sealed class StatusTests
{
    [Fact]
    public async Task Handler_EveryStatus_ReachesTheClient()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);
        const string Detail = "generation 4 is over: σ=0.05 \"100 %\"\n→ rejoin";

        foreach (var code in Enum.GetValues<StatusCode>().Where(code => code != StatusCode.OK))
        {
            var failure = await Calls.FailureAsync(async () => await client.FailAsync(new FailRequest { StatusCode = (int)code, Detail = Detail }));

            Assert.Equal(code, failure.StatusCode);
            Assert.Equal(Detail, failure.Status.Detail);
        }
    }

    [Fact]
    public async Task Method_NotThere_IsUnimplemented()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var nowhere = new Method<string, string>(MethodType.Unary, "probe.v1.ProbeService", "Nowhere", Marshallers.StringMarshaller, Marshallers.StringMarshaller);

        var failure = await Calls.FailureAsync(async () => await channel.CreateCallInvoker().AsyncUnaryCall(nowhere, null, default, ""));

        Assert.Equal(StatusCode.Unimplemented, failure.StatusCode);
    }

    [Fact]
    public async Task Handler_UnexpectedException_SaysNothingOfItself()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();

        // A negative count makes the handler's array allocation fail.
        using var call = new ProbeService.ProbeServiceClient(channel).Count(new CountRequest { Count = 1, PayloadBytes = -1 });
        var failure = await Calls.FailureAsync(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.Unknown, failure.StatusCode);
        Assert.DoesNotContain("Overflow", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Channel_NobodyListens_IsUnavailable()
    {
        Uri address;
        await using (var server = await ProbeServer.StartAsync())
        {
            address = server.Address;
        }

        using var channel = ProbeServer.Connect(address);
        var failure = await Calls.FailureAsync(async () => await new ProbeService.ProbeServiceClient(channel).EchoAsync(new EchoRequest()));

        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
    }

    [Fact]
    public void Client_MadeWithoutChannel_Throws()
    {
        Assert.ThrowsAny<SystemException>(() => new MockableClient().EchoAsync(new EchoRequest()));
    }

    private sealed class MockableClient : ProbeService.ProbeServiceClient;
}
