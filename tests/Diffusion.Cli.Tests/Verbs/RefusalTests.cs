using System.Net;
using System.Net.Sockets;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Tests.Verbs;

/// <summary>The program as a process: what it refuses, how it says so, and that it leaves nothing behind.</summary>
public sealed class RefusalTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("Did you mean '--batch'?", "train", "--bacth", "64")]
    [InlineData("training.batchSize is 30, not divisible by 4 shards. Try 32", "train", "--batch", "30")]
    [InlineData("is not a known key. Did you mean 'learningRate'?", "train", "--set", "training.learningrate=1")]
    [InlineData("does not exist. Give a folder or .zip", "train", "--data", "nowhere")]
    [InlineData("data.path is empty", "train", "--preset", "cifar10-32")]
    [InlineData("--workers is 0; 1 to 64", "train", "--workers", "0")]
    [InlineData("holds no run: there is no run.json", "resume", "runs/none")]
    [InlineData("does not exist. Snapshots are in", "sample", "--net", "none.safetensors", "--grid", "a.png")]
    [InlineData("is neither a run directory nor HOST:PORT", "status", "somewhere")]
    [InlineData("--outdir DIR", "sample", "--net", "x")]
    [InlineData("--outdir DIR with --processes", "sample", "--net", "x", "--grid", "a.png", "--processes", "2")]
    [InlineData("i from 1 to N, for example 2/8", "sample", "--net", "x", "--outdir", "a", "--part", "3/2")]
    [InlineData("--processes is 0", "sample", "--net", "x", "--outdir", "a", "--processes", "0")]
    [InlineData("leave out --processes and --grid", "sample", "--net", "x", "--outdir", "a", "--part", "1/2", "--grid", "a.png")]
    [InlineData("stabilityai/sd-vae-ft-mse", "dataset", "encode", "--source", "a", "--dest", "b")]
    [InlineData("--vae none.pt does not exist", "dataset", "decode", "--source", "a", "--dest", "b", "--vae", "none.pt")]
    [InlineData("--device 'tpu' is not understood. Write auto, cpu:N, cuda, or GPUs by number", "dataset", "encode", "--source", "a", "--dest", "b", "--device", "tpu")]
    [InlineData("is no transform", "dataset", "convert", "--source", "a", "--dest", "b", "--transform", "crop")]
    public async Task Run_WhatCannotBe_IsRefusedBeforeAnythingIsWritten(string expected, params string[] arguments)
    {
        if (arguments is ["sample", "--net", "x", ..])
        {
            File.WriteAllText(folder.In("x"), "");
        }

        var result = await DiffusionProcess.RunAsync(folder.Path, arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Errors);
        Assert.False(Directory.Exists(folder.In("runs")), "a refused command must write nothing");
    }

    [Fact]
    public async Task Train_EmptyImageFolder_IsRefused()
    {
        Directory.CreateDirectory(folder.In("empty"));

        var result = await DiffusionProcess.RunAsync(folder.Path, "train", "--data", "empty");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("empty", result.Errors);
    }

    [Fact]
    public async Task Train_TruncatedImage_IsRefusedByName()
    {
        var draw = await DiffusionProcess.RunAsync(folder.Path, "dataset", "shapes", "set", "--count", "40");
        Assert.True(draw.ExitCode == 0, draw.Errors);
        string image = Directory.GetFiles(folder.In("set"), "*.png", SearchOption.AllDirectories)[7];
        File.WriteAllBytes(image, File.ReadAllBytes(image)[..60]);

        var result = await DiffusionProcess.RunAsync(folder.Path, "train", "--data", "set", "--held-out", "0");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(Path.GetFileName(image), result.Errors);
        Assert.False(File.Exists(folder.In("runs/train/run.json")));
    }

    [Fact]
    public async Task Train_FewerImagesThanABatch_IsRefused()
    {
        await DiffusionProcess.RunAsync(folder.Path, "dataset", "shapes", "set", "--count", "20");

        var result = await DiffusionProcess.RunAsync(folder.Path, "train", "--data", "set", "--held-out", "0");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("only 20 images", result.Errors);
    }

    [Fact]
    public async Task Train_DirectoryOfAnotherConfiguration_NamesTheKeysThatDiffer()
    {
        Directory.CreateDirectory(folder.In("runs/a"));
        File.WriteAllText(folder.In("runs/a/run.json"), StrictJson.Write(RunPresets.Get("shapes-16") with { Seed = 5 }));

        var result = await DiffusionProcess.RunAsync(folder.Path, "train", "--name", "a");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("seed is 5 there, 0 was asked for", result.Errors);
    }

    [Fact]
    public async Task Train_DryRun_PrintsEveryKeyAndWritesNothing()
    {
        var result = await DiffusionProcess.RunAsync(folder.Path, "train", "--dry-run", "--batch", "64");

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Matches("training.batchSize +64", result.Output);
        Assert.Matches("averaging.relativeStds +\\[0.05,0.1\\]", result.Output);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Coordinator_PortInUse_SaysSoAndHowToGetAFreeOne()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;

        var result = await DiffusionProcess.RunAsync(folder.Path, "coordinator", "--run-dir", "r", "--port", $"{port}");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"{port}", result.Errors);
        Assert.Contains("free", result.Errors);
    }

    [Fact]
    public async Task Status_RunWithoutCoordinator_TellsFromItsFiles()
    {
        Directory.CreateDirectory(folder.In("runs/a/snapshots"));
        File.WriteAllText(folder.In("runs/a/run.json"), StrictJson.Write(RunPresets.Get("shapes-16")));

        var result = await DiffusionProcess.RunAsync(folder.Path, "status", "runs/a");

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Contains("no coordinator at work", result.Output);
        Assert.Contains("resume runs/a", result.Output);
    }

    [Fact]
    public async Task Dataset_ShapesConvertInfo_WorkTogether()
    {
        var draw = await DiffusionProcess.RunAsync(folder.Path, "dataset", "shapes", "set", "--count", "30", "--resolution", "32");
        var convert = await DiffusionProcess.RunAsync(folder.Path, "dataset", "convert", "--source", "set", "--dest", "set.zip", "--resolution", "16x16");
        var info = await DiffusionProcess.RunAsync(folder.Path, "dataset", "info", "set.zip");

        Assert.True(draw.ExitCode == 0 && convert.ExitCode == 0 && info.ExitCode == 0, draw.Errors + convert.Errors + info.Errors);
        Assert.Contains("30 of 3x16x16", info.Output);
        Assert.Contains("10 classes", info.Output);
    }

    [Fact]
    public async Task Info_Preset_ShowsParametersAsPublished()
    {
        var result = await DiffusionProcess.RunAsync(folder.Path, "info", "--preset", "edm2-img512-xs");

        // Karras et al., arXiv:2312.02696, Table 2: 125 million.
        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Matches("parameters +12[4-5]\\.", result.Output);
        Assert.Contains("FID 3.53", result.Output);
        Assert.Matches("whole run +293 exaflop", result.Output);
        Assert.Matches("length 0.100 +0.00 ?% initial weights", result.Output);
    }
}
