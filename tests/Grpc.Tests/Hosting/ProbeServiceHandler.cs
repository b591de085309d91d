using Google.Protobuf;
using Grpc.Core;
using Probe.V1;

namespace Grpc.Tests.Hosting;

internal sealed class ProbeServiceHandler(ProbeState state) : ProbeService.ProbeServiceBase
{
    public override async Task<EchoResponse> Echo(EchoRequest request, ServerCallContext context)
    {
        var headers = new Metadata();
        foreach (var entry in context.RequestHeaders.Where(entry => entry.Key.StartsWith("x-", StringComparison.Ordinal)))
        {
            headers.Add(entry);
            context.ResponseTrailers.Add(entry);
        }

        await context.WriteResponseHeadersAsync(headers);
        return new EchoResponse { Text = request.Text, Payload = request.Payload };
    }

    public override async Task<SumResponse> Sum(IAsyncStreamReader<SumRequest> requestStream, ServerCallContext context)
    {
        var response = new SumResponse();
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            response.Total += request.Value;
            response.Count++;
        }

        return response;
    }

    public override async Task Count(CountRequest request, IServerStreamWriter<CountResponse> responseStream, ServerCallContext context)
    {
        var payload = ByteString.CopyFrom(new byte[request.PayloadBytes]);
        for (var number = 0; number < request.Count; number++)
        {
            await responseStream.WriteAsync(new CountResponse { Number = number, Payload = payload });
            state.Wrote();
        }
    }

    public override async Task Chat(IAsyncStreamReader<ChatRequest> requestStream, IServerStreamWriter<ChatResponse> responseStream, ServerCallContext context)
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await responseStream.WriteAsync(new ChatResponse { Text = request.Text.ToUpperInvariant() });
        }
    }

    public override Task<FailResponse> Fail(FailRequest request, ServerCallContext context) =>
        throw new RpcException(new Status((StatusCode)request.StatusCode, request.Detail), new Metadata { { "x-reason", "asked for" } });

    public override async Task<HangResponse> Hang(HangRequest request, ServerCallContext context)
    {
        state.Hangs(context.Deadline);
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, context.CancellationToken);
        }
        catch (OperationCanceledException)
        {
            state.WasCancelled();
            throw;
        }

        return new HangResponse();
    }
}
