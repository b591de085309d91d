using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using RequestCase = Grpc.Reflection.V1.ServerReflectionRequest.MessageRequestOneofCase;

namespace Grpc.Reflection;

/// <summary>Server reflection as grpc.reflection.v1.</summary>
internal sealed class ReflectionV1Service(Lazy<DescriptorIndex> index) : ServerReflection.ServerReflectionBase
{
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream,
        IServerStreamWriter<ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken).ConfigureAwait(false))
        {
            await responseStream.WriteAsync(Answer(request, index.Value)).ConfigureAwait(false);
        }
    }

    internal static ServerReflectionResponse Answer(ServerReflectionRequest request, DescriptorIndex index)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case RequestCase.ListServices:
                response.ListServicesResponse = new ListServiceResponse { Service = { index.ServiceNames.Select(name => new ServiceResponse { Name = name }) } };
                break;
            case RequestCase.FileByFilename:
                AnswerFile(response, index.File(request.FileByFilename), $"file '{request.FileByFilename}'");
                break;
            case RequestCase.FileContainingSymbol:
                AnswerFile(response, index.FileOf(request.FileContainingSymbol), $"symbol '{request.FileContainingSymbol}'");
                break;
            default:
                response.ErrorResponse = Error(StatusCode.Unimplemented, $"This server does not answer {request.MessageRequestCase}: its messages have no extensions.");
                break;
        }

        return response;
    }

    private static void AnswerFile(ServerReflectionResponse response, FileDescriptor? file, string asked)
    {
        if (file is null)
        {
            response.ErrorResponse = Error(StatusCode.NotFound, $"No service of this server refers to {asked}.");
        }
        else
        {
            response.FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { DescriptorIndex.WithImports(file).Select(each => each.SerializedData) } };
        }
    }

    private static ErrorResponse Error(StatusCode code, string message) => new() { ErrorCode = (int)code, ErrorMessage = message };
}

/// <summary>The same under its older name. The messages are the same on the wire, so they are translated by their bytes.</summary>
internal sealed class ReflectionV1AlphaService(Lazy<DescriptorIndex> index) : V1Alpha.ServerReflection.ServerReflectionBase
{
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<V1Alpha.ServerReflectionRequest> requestStream,
        IServerStreamWriter<V1Alpha.ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken).ConfigureAwait(false))
        {
            var answer = ReflectionV1Service.Answer(ServerReflectionRequest.Parser.ParseFrom(request.ToByteString()), index.Value);
            await responseStream.WriteAsync(V1Alpha.ServerReflectionResponse.Parser.ParseFrom(answer.ToByteString())).ConfigureAwait(false);
        }
    }
}
