using System.Net;
using System.Security.Cryptography;
using Diffusion.Serving.Evaluations;
using Diffusion.Snapshots.Files;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Diffusion.Serving.Tests.Evaluations;

/// <summary>Files of evaluations from a server whose streams break.</summary>
[Collection(ServingTests.Name)]
public sealed class BrokenArtifactTests(ServedRuns runs)
{
    [Fact]
    public async Task FetchIntoAsync_StreamsCutAndDamaged_ResumesAndIsWhole()
    {
        using var limit = new CancellationTokenSource(ServedRuns.Patience);
        byte[] bytes = new byte[1000];
        new Random(1).NextBytes(bytes);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(new IPEndPoint(IPAddress.Loopback, 0), listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        var faulty = new Faulty(bytes);
        builder.Services.AddSingleton(faulty);
        await using var server = builder.Build();
        server.MapGrpcService<Faulty>();
        await server.StartAsync(limit.Token);
        using var client = new EvaluationClient(server.Urls.First()["http://".Length..]);
        var folder = new EvaluationFiles(runs.Fresh(), 1 << 20);
        string path = await client.FetchIntoAsync("run", Convert.ToHexStringLower(SHA256.HashData(bytes)), folder, limit.Token);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path, limit.Token));
        Assert.Equal([0, 0, 300, 600, 900], faulty.Offsets);
    }

    /// <summary>Three good pieces, then an end or a flipped bit.</summary>
    private sealed class Faulty(byte[] bytes) : V1.EvaluationService.EvaluationServiceBase
    {
        public List<long> Offsets { get; } = [];

        public override async Task FetchArtifact(V1.FetchArtifactRequest request, IServerStreamWriter<V1.FetchArtifactResponse> responseStream, ServerCallContext context)
        {
            Offsets.Add(request.Offset);
            await responseStream.WriteAsync(new V1.FetchArtifactResponse { Header = new V1.ArtifactHeader { Run = request.Run, Sha256 = request.Sha256, Bytes = bytes.Length } });
            for (int at = (int)request.Offset, sent = 0; at < bytes.Length; at += 100, sent++)
            {
                byte[] data = bytes[at..(at + 100)];
                uint crc = Crc32C.Compute(data);
                if (sent == 3)
                {
                    if (Offsets.Count % 2 == 0)
                    {
                        return;
                    }

                    data[5] ^= 1;
                }

                await responseStream.WriteAsync(new V1.FetchArtifactResponse { Piece = new V1.ArtifactPiece { Offset = at, Data = ByteString.CopyFrom(data), Crc32C = crc } });
            }
        }
    }
}
