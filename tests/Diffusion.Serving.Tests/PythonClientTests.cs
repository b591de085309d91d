using Diffusion.Snapshots.Library;
using Diffusion.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Diffusion.Serving.Tests;

/// <summary>The service as a program sees it that has nothing of ours but the proto.</summary>
[Collection(ServingTests.Name)]
public sealed class PythonClientTests(ServedRuns runs)
{
    [PythonGrpcFact]
    public async Task StreamWeights_PythonGrpcio_GetsTheSameBytes()
    {
        using var limit = new CancellationTokenSource(ServedRuns.Patience);
        await using var server = await runs.StartAsync();
        string directory = runs.Fresh();
        string descriptors = Path.Combine(directory, "descriptors");
        await File.WriteAllBytesAsync(descriptors, new FileDescriptorSet { File = { SnapshotServiceReflection.Descriptor.ToProto() } }.ToByteArray(), limit.Token);
        string file = Path.Combine(directory, "weights");
        var (exit, output) = await Programs.RunAsync("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "Python", "fetch.py"), descriptors, server.Grpc.ToString(), "tiny", "0.08", file], limit.Token);
        Assert.True(exit == 0, output);
        using var here = await server.Library.OpenAsync(new WeightsQuery("tiny", 0.08), limit.Token);
        Assert.Equal($"runs tiny\ndigest {here.ContentId}\ndone\n", output);
        Assert.Equal(await File.ReadAllBytesAsync(here.File.Name), await File.ReadAllBytesAsync(file));
    }
}
