using Grpc.Core;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Transport;

public sealed class MetadataTests
{
    [Fact]
    public async Task Headers_TextAndBytes_ComeBackAsHeadersAndTrailers()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        byte[] bytes = [0, 1, 127, 128, 255, 44];
        var sent = new Metadata { { "X-Run", "img64-xs / 7" }, { "x-hash-bin", bytes } };

        using var call = new ProbeService.ProbeServiceClient(channel).EchoAsync(new EchoRequest(), sent);
        var headers = await call.ResponseHeadersAsync.Soon();
        await call.ResponseAsync.Soon();

        foreach (var received in new[] { headers, call.GetTrailers() })
        {
            Assert.Equal("img64-xs / 7", received.GetValue("x-run"));
            Assert.Equal(bytes, received.GetValueBytes("x-hash-bin"));
        }
    }

    [Fact]
    public async Task Headers_TextRepeated_KeepsItsOrder()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var sent = new Metadata { { "x-part", "1" }, { "x-part", "2" }, { "x-part", "3" } };

        using var call = new ProbeService.ProbeServiceClient(channel).EchoAsync(new EchoRequest(), sent);
        var headers = await call.ResponseHeadersAsync.Soon();

        // One entry with commas or several entries: HTTP says they mean the same. Repeated bytes do not survive this
        // transport, nor do empty ones, so the product sends each "-bin" key once and with a value.
        Assert.Equal(["1", "2", "3"], headers.GetAll("x-part").SelectMany(entry => entry.Value.Split(',', StringSplitOptions.TrimEntries)));
    }

    [Fact]
    public async Task Failure_Trailers_TravelWithTheStatus()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();

        var failure = await Calls.FailureAsync(async () => await new ProbeService.ProbeServiceClient(channel).FailAsync(new FailRequest { StatusCode = 9 }));

        Assert.Equal("asked for", failure.Trailers.GetValue("x-reason"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x run")]
    [InlineData("x-rün")]
    public void Entry_BadKey_IsRefused(string key) => Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, "value"));

    [Fact]
    public void Entry_SuffixAndValueDisagree_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("x-bin", "text"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("x", [1]));
    }

    [Fact]
    public void Entry_Bytes_AreCopiedInAndOut()
    {
        byte[] bytes = [1, 2];
        var entry = new Metadata.Entry("x-bin", bytes);
        bytes[0] = 9;
        entry.ValueBytes[1] = 9;

        Assert.Equal([1, 2], entry.ValueBytes);
        Assert.Throws<InvalidOperationException>(() => entry.Value);
    }

    [Fact]
    public void Empty_AnyChange_IsRefused()
    {
        Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("x", "y"));
        Assert.Throws<InvalidOperationException>(Metadata.Empty.Clear);
        Assert.Empty(Metadata.Empty);
    }

    [Fact]
    public void Get_RepeatedKey_ReturnsTheLast()
    {
        var metadata = new Metadata { { "x", "first" }, { "X", "last" } };

        Assert.Equal("last", metadata.GetValue("x"));
        Assert.Equal(2, metadata.GetAll("x").Count());
        Assert.Null(metadata.Get("y"));
    }
}
