using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Tests.Hosting;
using Probe.V1;

namespace Grpc.Tests.Interop;

/// <summary>The wire format, against an implementation that shares no code with ours: grpcio.</summary>
public sealed class PythonInteropTests
{
    [PythonGrpcFact]
    public async Task OurServer_PythonClient_AgreesOnEverything()
    {
        await using var server = await ProbeServer.StartAsync(grpc => grpc.MaxReceiveMessageSize = null);
        await using var python = new PythonProcess("client.py", $"127.0.0.1:{server.Address.Port}");
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));

        var (exitCode, output) = await python.EndAsync(bound.Token);

        Assert.True(exitCode == 0, output);
        Assert.EndsWith("done\n", output, StringComparison.Ordinal);
    }

    [PythonGrpcFact]
    public async Task OurClient_PythonServer_CallKinds()
    {
        await using var python = new PythonProcess("server.py");
        using var channel = await ConnectAsync(python);
        var client = new ProbeService.ProbeServiceClient(channel);

        var payload = ByteString.CopyFrom([.. Enumerable.Range(0, 1 << 20).Select(value => (byte)value)]);
        Assert.Equal(payload, (await client.EchoAsync(new EchoRequest { Payload = payload }).ResponseAsync.Soon()).Payload);

        using var sum = client.Sum();
        for (var value = -10; value < 100; value++)
        {
            await sum.RequestStream.WriteAsync(new SumRequest { Value = value });
        }

        await sum.RequestStream.CompleteAsync();
        Assert.Equal(Enumerable.Range(-10, 110).Sum(), (await sum.ResponseAsync.Soon()).Total);

        using var count = client.Count(new CountRequest { Count = 500, PayloadBytes = 1000 });
        Assert.Equal(Enumerable.Range(0, 500), await count.ResponseStream.ReadAllAsync().Select(response => response.Number).ToListAsync().AsTask().Soon());

        using var chat = client.Chat();
        await chat.RequestStream.WriteAsync(new ChatRequest { Text = "one" });
        Assert.True(await chat.ResponseStream.MoveNext(CancellationToken.None).Soon());
        Assert.Equal("ONE", chat.ResponseStream.Current.Text);
        await chat.RequestStream.CompleteAsync();
        Assert.False(await chat.ResponseStream.MoveNext(CancellationToken.None).Soon());
    }

    [PythonGrpcFact]
    public async Task OurClient_PythonServer_MetadataAndEndings()
    {
        await using var python = new PythonProcess("server.py");
        using var channel = await ConnectAsync(python);
        var client = new ProbeService.ProbeServiceClient(channel);

        using var echo = client.EchoAsync(new EchoRequest(), new Metadata { { "x-run", "img64-xs" }, { "x-hash-bin", [0, 255, 128] } });
        var headers = await echo.ResponseHeadersAsync.Soon();
        await echo.ResponseAsync.Soon();
        foreach (var received in new[] { headers, echo.GetTrailers() })
        {
            Assert.Equal("img64-xs", received.GetValue("x-run"));
            Assert.Equal([0, 255, 128], received.GetValueBytes("x-hash-bin")!);
        }

        foreach (var code in Enum.GetValues<StatusCode>().Where(code => code != StatusCode.OK))
        {
            var failure = await Calls.FailureAsync(async () => await client.FailAsync(new FailRequest { StatusCode = (int)code, Detail = "σ → 0 %\n" }));
            Assert.Equal((code, "σ → 0 %\n"), (failure.StatusCode, failure.Status.Detail));
            Assert.Equal("asked for", failure.Trailers.GetValue("x-reason"));
        }

        var deadline = TimeProvider.System.GetUtcNow().AddMilliseconds(300).UtcDateTime;
        var late = await Calls.FailureAsync(async () => await client.HangAsync(new HangRequest(), deadline: deadline));
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);

        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var cancelled = await Calls.FailureAsync(async () => await client.HangAsync(new HangRequest(), cancellationToken: source.Token));
        Assert.Equal(StatusCode.Cancelled, cancelled.StatusCode);
    }

    private static async Task<GrpcChannel> ConnectAsync(PythonProcess python)
    {
        var port = await python.ReadLineAsync().Soon();
        return ProbeServer.Connect(new Uri($"http://127.0.0.1:{port}"));
    }
}
