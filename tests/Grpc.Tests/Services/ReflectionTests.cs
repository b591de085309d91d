using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Tests.Hosting;
using V1 = Grpc.Reflection.V1;
using V1Alpha = Grpc.Reflection.V1Alpha;

namespace Grpc.Tests.Services;

public sealed class ReflectionTests
{
    [Fact]
    public async Task ListServices_V1_NamesEveryMappedService()
    {
        var response = await AskAsync(new V1.ServerReflectionRequest { ListServices = "" });

        Assert.Equal(
            ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "probe.v1.ProbeService"],
            response.ListServicesResponse.Service.Select(service => service.Name));
    }

    [Fact]
    public async Task ListServices_V1Alpha_NamesTheSame()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new V1Alpha.ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new V1Alpha.ServerReflectionRequest { ListServices = "" });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());

        Assert.Equal(4, call.ResponseStream.Current.ListServicesResponse.Service.Count);
        Assert.Equal("", call.ResponseStream.Current.OriginalRequest.ListServices);
    }

    [Theory]
    [InlineData("probe.v1.ProbeService")]
    [InlineData("probe.v1.ProbeService.Echo")]
    [InlineData("probe.v1.EchoRequest")]
    [InlineData("probe.v1.EchoRequest.payload")]
    public async Task FileContainingSymbol_Known_ReturnsItsFile(string symbol)
    {
        var response = await AskAsync(new V1.ServerReflectionRequest { FileContainingSymbol = symbol });

        var file = FileDescriptorProto.Parser.ParseFrom(Assert.Single(response.FileDescriptorResponse.FileDescriptorProto));
        Assert.Equal("probe/v1/probe_service.proto", file.Name);
        Assert.Equal(6, Assert.Single(file.Service).Method.Count);
    }

    [Fact]
    public async Task FileContainingSymbol_NestedEnum_IsFound()
    {
        var response = await AskAsync(new V1.ServerReflectionRequest { FileContainingSymbol = "grpc.health.v1.HealthCheckResponse.ServingStatus" });

        Assert.Equal("grpc/health/v1/health.proto", FileDescriptorProto.Parser.ParseFrom(response.FileDescriptorResponse.FileDescriptorProto[0]).Name);
    }

    [Fact]
    public async Task FileByFilename_Known_ReturnsIt()
    {
        var response = await AskAsync(new V1.ServerReflectionRequest { FileByFilename = "probe/v1/probe_service.proto" });

        Assert.Single(response.FileDescriptorResponse.FileDescriptorProto);
    }

    [Fact]
    public async Task Question_Unanswerable_IsAnErrorAndTheStreamGoesOn()
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new V1.ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        V1.ServerReflectionRequest[] questions =
        [
            new() { FileContainingSymbol = "no.such.Symbol" },
            new() { FileByFilename = "no/such.proto" },
            new() { AllExtensionNumbersOfType = "probe.v1.EchoRequest" },
        ];
        var codes = new List<StatusCode>();
        foreach (var question in questions)
        {
            await call.RequestStream.WriteAsync(question);
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());
            codes.Add((StatusCode)call.ResponseStream.Current.ErrorResponse.ErrorCode);
        }

        Assert.Equal([StatusCode.NotFound, StatusCode.NotFound, StatusCode.Unimplemented], codes);
    }

    private static async Task<V1.ServerReflectionResponse> AskAsync(V1.ServerReflectionRequest request)
    {
        await using var server = await ProbeServer.StartAsync();
        using var channel = server.Connect();
        using var call = new V1.ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(request);
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).Soon());
        return call.ResponseStream.Current;
    }
}
