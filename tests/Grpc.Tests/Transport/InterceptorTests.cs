using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Tests.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Probe.V1;

namespace Grpc.Tests.Transport;

public sealed class InterceptorTests
{
    [Fact]
    public async Task Client_TwoInterceptors_RunInTheOrderGiven()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var log = new List<string>();
        var invoker = channel.Intercept(new Recorder("outer", log), new Recorder("inner", log));

        await new ProbeService.ProbeServiceClient(invoker).EchoAsync(new EchoRequest()).ResponseAsync.Soon();

        Assert.Equal(["outer Echo", "inner Echo"], log);
    }

    [Fact]
    public async Task Client_MetadataFunction_ChangesEveryKindOfCall()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var changed = 0;
        var invoker = channel.Intercept(metadata =>
        {
            changed++;
            metadata.Add("x-token", "secret");
            return metadata;
        });
        var client = new ProbeService.ProbeServiceClient(invoker);

        using var unary = client.EchoAsync(new EchoRequest());
        Assert.Equal("secret", (await unary.ResponseHeadersAsync.Soon()).GetValue("x-token"));
        using var clientStream = client.Sum();
        using var serverStream = client.Count(new CountRequest());
        using var duplex = client.Chat();
        await Task.Run(() => client.Echo(new EchoRequest())).Soon();

        Assert.Equal(5, changed);
    }

    [Fact]
    public async Task Client_WithHost_SendsTheAuthority()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        var hosts = new List<string?>();

        await new ProbeService.ProbeServiceClient(channel.Intercept(new Recorder("", [], hosts))).WithHost("other:1").EchoAsync(new EchoRequest()).ResponseAsync.Soon();

        Assert.Equal(["other:1"], hosts);
    }

    [Fact]
    public async Task Server_Interceptor_SeesEveryKindOfCall()
    {
        var log = new List<string>();
        await using var server = await ProbeServer.StartAsync(
            grpc => grpc.Interceptors.Add<Recorder>("server", log, new List<string?>()),
            services: services => services.AddSingleton(log));
        using var channel = server.Connect();
        var client = new ProbeService.ProbeServiceClient(channel);

        await client.EchoAsync(new EchoRequest()).ResponseAsync.Soon();
        using var count = client.Count(new CountRequest());
        Assert.False(await count.ResponseStream.MoveNext(CancellationToken.None).Soon());
        using var sum = client.Sum();
        await sum.RequestStream.CompleteAsync();
        await sum.ResponseAsync.Soon();
        using var chat = client.Chat();
        await chat.RequestStream.CompleteAsync();
        Assert.False(await chat.ResponseStream.MoveNext(CancellationToken.None).Soon());

        Assert.Equal(["server /probe.v1.ProbeService/Echo", "server /probe.v1.ProbeService/Count", "server /probe.v1.ProbeService/Sum", "server /probe.v1.ProbeService/Chat"], log);
    }

    private sealed class Recorder(string name, List<string> log, List<string?>? hosts = null) : Interceptor
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request,
            ClientInterceptorContext<TRequest, TResponse> context,
            AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            log.Add($"{name} {context.Method.Name}");
            hosts?.Add(context.Host);
            return base.AsyncUnaryCall(request, context, continuation);
        }

        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            log.Add($"{name} {context.Method}");
            return base.UnaryServerHandler(request, context, continuation);
        }

        public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, ServerCallContext context, ClientStreamingServerMethod<TRequest, TResponse> continuation)
        {
            log.Add($"{name} {context.Method}");
            return base.ClientStreamingServerHandler(requestStream, context, continuation);
        }

        public override Task ServerStreamingServerHandler<TRequest, TResponse>(TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
        {
            log.Add($"{name} {context.Method}");
            return base.ServerStreamingServerHandler(request, responseStream, context, continuation);
        }

        public override Task DuplexStreamingServerHandler<TRequest, TResponse>(IAsyncStreamReader<TRequest> requestStream, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, DuplexStreamingServerMethod<TRequest, TResponse> continuation)
        {
            log.Add($"{name} {context.Method}");
            return base.DuplexStreamingServerHandler(requestStream, responseStream, context, continuation);
        }
    }
}
