using Google.Protobuf;
using Grpc.Core;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Transport;

public sealed class CallKindTests
{
    [Fact]
    public async Task Unary_Payload_ComesBack()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);

        var response = await client.EchoAsync(new EchoRequest { Text = "höchst", Payload = ByteString.CopyFrom(0, 255, 128) });

        Assert.Equal("höchst", response.Text);
        Assert.Equal([0, 255, 128], response.Payload.ToByteArray());
    }

    [Fact]
    public async Task Unary_Blocking_ReturnsTheSame()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);

        var response = await Task.Run(() => client.Echo(new EchoRequest { Text = "wait" })).Soon();

        Assert.Equal("wait", response.Text);
    }

    [Fact]
    public async Task ClientStreaming_Values_AreSummed()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new ProbeService.ProbeServiceClient(channel).Sum();

        foreach (var value in new long[] { 1, -5, long.MaxValue / 2 })
        {
            await call.RequestStream.WriteAsync(new SumRequest { Value = value });
        }

        await call.RequestStream.CompleteAsync();
        var response = await call.ResponseAsync.Soon();

        Assert.Equal((long.MaxValue / 2) - 4, response.Total);
        Assert.Equal(3, response.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public async Task ServerStreaming_Messages_ArriveInOrder(int count)
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new ProbeService.ProbeServiceClient(channel).Count(new CountRequest { Count = count });

        var numbers = new List<int>();
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            numbers.Add(response.Number);
        }

        Assert.Equal(Enumerable.Range(0, count), numbers);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task DuplexStreaming_PingPong_EachAnswerFollowsItsQuestion()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new ProbeService.ProbeServiceClient(channel).Chat();

        foreach (var text in new[] { "one", "two", "three" })
        {
            await call.RequestStream.WriteAsync(new ChatRequest { Text = text });
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());
            Assert.Equal(text.ToUpperInvariant(), call.ResponseStream.Current.Text);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());
    }

    [Fact]
    public async Task Unary_FiveHundredAtOnce_EachGetsItsOwnAnswer()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);

        var texts = Enumerable.Range(0, 500).Select(number => $"call {number}").ToArray();
        var responses = await Task.WhenAll(texts.Select(text => client.EchoAsync(new EchoRequest { Text = text }).ResponseAsync)).Soon();

        Assert.Equal(texts, responses.Select(response => response.Text));
    }
}
