using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Diffusion.Snapshots.Library;

namespace Diffusion.Serving.Tests;

/// <summary>Plain HTTP, as a browser, Python or curl speaks it.</summary>
[Collection(ServingTests.Name)]
public sealed class SnapshotRoutesTests(ServedRuns runs) : IAsyncLifetime, IDisposable
{
    private readonly CancellationTokenSource limit = new(ServedRuns.Patience);
    private SnapshotServer server = null!;
    private HttpClient http = null!;

    public async Task InitializeAsync()
    {
        server = await runs.StartAsync();
        http = new HttpClient { BaseAddress = new Uri($"http://{server.Http}") };
    }

    public async Task DisposeAsync() => await server.DisposeAsync();

    public void Dispose()
    {
        http.Dispose();
        limit.Dispose();
    }

    [Fact]
    public async Task Runs_AndSnapshots_AreJson()
    {
        var list = JsonNode.Parse(await http.GetStringAsync("/runs", limit.Token))!.AsArray();
        Assert.Equal("tiny", list[0]!["name"]!.GetValue<string>());
        var snapshots = JsonNode.Parse(await http.GetStringAsync("/runs/tiny/snapshots", limit.Token))!["snapshots"]!.AsArray();
        Assert.Equal([1024, 2048, 3072], snapshots.Select(snapshot => snapshot!["imagesSeen"]!.GetValue<int>()));
        var average = snapshots[0]!["tracked"]![0]!;
        Assert.Equal((0.05, "float16", new FileInfo(runs.Stored(1, "0.050")).Length, 64), (average["sigmaRel"]!.GetValue<double>(), average["precision"]!.GetValue<string>(), average["bytes"]!.GetValue<long>(), average["digest"]!.GetValue<string>().Length));
        var described = JsonNode.Parse(await http.GetStringAsync("/runs/tiny/snapshots/latest/ema/0.07", limit.Token))!;
        Assert.Equal((6, 1), (described["inputs"]!.GetValue<int>(), described["config"]!["seed"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("/runs/tiny/snapshots/1024/ema/0.050.safetensors", 1024, 0.05, false)]
    [InlineData("/runs/tiny/snapshots/latest/ema/0.07.safetensors?precision=float32", 3072, 0.07, true)]
    public async Task Weights_Whole_AreTheLibrarysWithDigestAsETag(string path, long images, double length, bool wide)
    {
        var response = await http.GetAsync(path, limit.Token);
        using var here = await server.Library.OpenAsync(new WeightsQuery("tiny", length, images, wide ? Snapshots.Safetensors.ElementType.Float32 : Snapshots.Safetensors.ElementType.Float16), limit.Token);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal($"\"{here.ContentId}\"", response.Headers.ETag!.Tag);
        Assert.Equal(here.Bytes, response.Content.Headers.ContentLength);
        Assert.Equal(await File.ReadAllBytesAsync(here.File.Name), await response.Content.ReadAsByteArrayAsync(limit.Token));
    }

    [Fact]
    public async Task Weights_Conditions_AreHonoured()
    {
        const string path = "/runs/tiny/snapshots/2048/ema/0.100.safetensors";
        byte[] bytes = await File.ReadAllBytesAsync(runs.Stored(2, "0.100"));
        var head = await SendAsync(HttpMethod.Head, path);
        var tag = head.Headers.ETag!;
        Assert.Equal((HttpStatusCode.OK, bytes.Length, "bytes"), (head.StatusCode, head.Content.Headers.ContentLength, head.Headers.AcceptRanges.Single()));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(limit.Token));

        var part = await SendAsync(HttpMethod.Get, path, request => request.Headers.Range = new RangeHeaderValue(1000, 1_500_000));
        Assert.Equal((HttpStatusCode.PartialContent, $"bytes 1000-1500000/{bytes.Length}"), (part.StatusCode, part.Content.Headers.ContentRange!.ToString()));
        Assert.Equal(bytes[1000..1_500_001], await part.Content.ReadAsByteArrayAsync(limit.Token));

        var tail = await SendAsync(HttpMethod.Get, path, request => request.Headers.Range = new RangeHeaderValue(null, 10));
        Assert.Equal(bytes[^10..], await tail.Content.ReadAsByteArrayAsync(limit.Token));

        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, (await SendAsync(HttpMethod.Get, path, request => request.Headers.Range = new RangeHeaderValue(bytes.Length, null))).StatusCode);
        Assert.Equal(HttpStatusCode.NotModified, (await SendAsync(HttpMethod.Get, path, request => request.Headers.IfNoneMatch.Add(tag))).StatusCode);

        void IfRange(HttpRequestMessage request, EntityTagHeaderValue expected)
        {
            request.Headers.Range = new RangeHeaderValue(0, 9);
            request.Headers.IfRange = new RangeConditionHeaderValue(expected);
        }

        Assert.Equal(HttpStatusCode.PartialContent, (await SendAsync(HttpMethod.Get, path, request => IfRange(request, tag))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(HttpMethod.Get, path, request => IfRange(request, new EntityTagHeaderValue("\"other\"")))).StatusCode);
    }

    [Theory]
    [InlineData("/runs/none/snapshots", 404, "There is tiny.")]
    [InlineData("/runs/tiny/snapshots/7/ema/0.05.safetensors", 404, "The nearest is at 1024")]
    [InlineData("/runs/tiny/snapshots/seven/ema/0.05.safetensors", 400, "no training time")]
    [InlineData("/runs/tiny/snapshots/latest/ema/0.5.safetensors", 400, "0.289")]
    [InlineData("/runs/tiny/snapshots/latest/ema/short.safetensors", 400, "no EMA length")]
    [InlineData("/runs/tiny/snapshots/latest/ema/0.05.safetensors?precision=int8", 400, "float16 or float32")]
    [InlineData("/runs/..%2F..%2Fetc/snapshots", 404, "There is tiny.")]
    [InlineData("/runs/tiny/elsewhere", 404, "ema/LENGTH.safetensors")]
    public async Task AnyRoute_WhatIsNotThere_IsAProblemThatSaysWhatIs(string path, int status, string says)
    {
        var response = await http.GetAsync(path, limit.Token);
        string body = await response.Content.ReadAsStringAsync(limit.Token);
        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        Assert.Contains(says, JsonNode.Parse(body)!["detail"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [CurlFact]
    public async Task Curl_AnInterruptedDownload_ContinuesWithARange()
    {
        string directory = runs.Fresh();
        string url = $"http://{server.Http}/runs/tiny/snapshots/latest/ema/0.150.safetensors";
        string whole = Path.Combine(directory, "whole");
        var (exit, output) = await Curl.RunAsync(limit.Token, "-sS", "-D", "-", "-o", whole, url);
        Assert.True(exit == 0, output);
        Assert.StartsWith("HTTP/1.1 200", output, StringComparison.Ordinal);
        string tag = output.Split('\n').Single(line => line.StartsWith("ETag", StringComparison.OrdinalIgnoreCase)).Split(": ")[1].Trim();

        byte[] bytes = await File.ReadAllBytesAsync(whole);
        string part = Path.Combine(directory, "part");
        await File.WriteAllBytesAsync(part, bytes[..1_234_567]);
        (exit, output) = await Curl.RunAsync(limit.Token, "-sS", "-D", "-", "-C", "-", "-o", part, url);
        Assert.True(exit == 0 && output.StartsWith("HTTP/1.1 206", StringComparison.Ordinal), output);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(part));

        (_, output) = await Curl.RunAsync(limit.Token, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", $"If-None-Match: {tag}", url);
        Assert.Equal("304", output);
        (_, output) = await Curl.RunAsync(limit.Token, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-r", "99999999-", url);
        Assert.Equal("416", output);
        Assert.Equal(1, server.Library.ReconstructionCount);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, Action<HttpRequestMessage>? with = null)
    {
        var request = new HttpRequestMessage(method, path);
        with?.Invoke(request);
        return await http.SendAsync(request, limit.Token);
    }
}
