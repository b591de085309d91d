using System.Globalization;
using System.Text.Json;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;

namespace Diffusion.Cli.Tests.Verbs;

/// <summary><c>sweep</c> as a process, on a run trained for seconds.</summary>
public sealed class SweepTests : IDisposable
{
    private const string Run = "runs/tiny";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("--at 5000: runs/tiny has no snapshot of that time. There are 1024, 2048", "--at", "5000")]
    [InlineData("0.3 is no EMA length", "--lengths", "0.1,0.3")]
    [InlineData("0.05 is there twice", "--lengths", "0.05,0.05")]
    [InlineData("metrics ref --data runs/tiny", "--metric", "fd")]
    [InlineData("need a guiding network", "--metric", "fd", "--guidance", "1,2")]
    [InlineData("'fid' is unknown", "--metric", "fid")]
    [InlineData("give one of them", "--evaluators", "1", "--coordinator", "127.0.0.1:1")]
    [InlineData("is not HOST:PORT", "--coordinator", "here")]
    [InlineData("longest length is at least 1.2 times", "--search", "--lengths", "0.1,0.11")]
    public async Task Run_WhatCannotBe_IsRefused(string expected, params string[] arguments)
    {
        FakeRun(1024, 2048);

        var result = await DiffusionProcess.RunAsync(folder.Path, ["sweep", Run, .. arguments]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Errors);
    }

    [Fact]
    public async Task Run_NoSnapshots_IsRefused()
    {
        FakeRun();

        Assert.Contains("has no snapshots yet", (await DiffusionProcess.RunAsync(folder.Path, "sweep", Run)).Errors);
    }

    [Fact]
    public async Task Search_TinyRun_FindsInEightWhatADenseGridFinds()
    {
        ShapesDataset.Write(Path.Combine(folder.Path, "shapes"), new ShapesOptions { Count = 600 }, null, CancellationToken.None);
        await Done("train", "--data", "shapes", "--run-dir", Run, "--workers", "1", "--channels", "16", "--duration", "6144", "--snapshot", "1024", "--checkpoint", "6144", "--lr", "0.03", "--decay", "0", "--held-out", "100", "--no-report", "--timeout-scale", "10");

        string found = await Done("sweep", Run, "--search", "--lengths", "0.02,0.25", "--draws", "2");
        Assert.Contains("best", found);
        int measured = Scores().Count;
        Assert.InRange(measured, 4, 8);
        double length = Length(found);

        string filled = await Done("sweep", Run, "--lengths", "0.02,0.03,...,0.25", "--draws", "2");
        Assert.Contains("known already", filled);
        var dense = Scores();
        double lowest = dense.Values.Min();
        double best = dense.MinBy(s => s.Value).Key;
        double near = dense.MinBy(s => Math.Abs(s.Key - length)).Value;
        Assert.True(near - lowest <= 0.02 * (dense.Values.Max() - lowest), $"the search says {length}, the grid {best}: {string.Join(", ", dense.OrderBy(s => s.Key))}");
        Assert.All(new[] { "loss.csv", "loss.json", "loss.png", "loss.svg" }, name => Assert.True(File.Exists(Path.Combine(folder.Path, Run, "sweep", name)), name));

        // All is known now: nothing is measured, several times make a map.
        Assert.Contains("24 of them known already", await Done("sweep", Run, "--lengths", "0.02,0.03,...,0.25", "--draws", "2"));
        await Done("sweep", Run, "--lengths", "0.05,0.1", "--draws", "2", "--at", "2048,4096");
        Assert.True(File.Exists(Path.Combine(folder.Path, Run, "sweep", "loss-map.png")));

        // Evaluators measure the same, and what they measure is known from then on.
        File.Move(Path.Combine(folder.Path, Run, "scores.journal"), Path.Combine(folder.Path, Run, "scores.before"));
        string evaluated = await Done("sweep", Run, "--lengths", "0.05,0.1", "--draws", "2", "--evaluators", "2");
        Assert.Contains("evaluate --coordinator 127.0.0.1:", evaluated);
        Assert.All(Scores(), s => Assert.Equal(dense[s.Key], s.Value, 1e-6));
        Assert.Contains("2 of them known already", await Done("sweep", Run, "--lengths", "0.05,0.1", "--draws", "2"));

        // Samples: repetitions and guidance weights, each measured once.
        await Done("metrics", "ref", "--data", Run, "--dest", "ref.safetensors");
        string guide = Directory.GetFiles(Path.Combine(folder.Path, Run, "snapshots"), "*.safetensors").Order().First();
        string[] samples = ["sweep", Run, "--metric", "swd", "--ref", "ref.safetensors", "--images", "12", "--batch", "12", "--steps", "2", "--lengths", "0.05,0.1"];
        Assert.Contains("2 seeds", await Done([.. samples, "--repeats", "2"]));
        Assert.Contains("8 measurements, 4 of them known already", await Done([.. samples, "--repeats", "2", "--gnet", guide, "--guidance", "1,2"]));
        Assert.Contains(Directory.GetFiles(Path.Combine(folder.Path, Run, "sweep")), f => Path.GetFileName(f).StartsWith("swd-over-guidance-", StringComparison.Ordinal));
    }

    private static double Length(string output)
    {
        string after = output[(output.IndexOf("EMA length ", output.IndexOf("best", StringComparison.Ordinal), StringComparison.Ordinal) + "EMA length ".Length)..];
        return double.Parse(after.Split(',', ' ', '(')[0], CultureInfo.InvariantCulture);
    }

    private Dictionary<double, double> Scores()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.Path, Run, "sweep", "loss.json")));
        return json.RootElement.EnumerateArray().ToDictionary(s => s.GetProperty("sigma_rel").GetDouble(), s => s.GetProperty("value").GetDouble());
    }

    private void FakeRun(params long[] times)
    {
        Directory.CreateDirectory(Path.Combine(folder.Path, Run));
        File.WriteAllText(Path.Combine(folder.Path, Run, "run.json"), StrictJson.Write(SnapshotFiles.Config));
        foreach (long time in times)
        {
            SnapshotFiles.Write(Path.Combine(folder.Path, Run, "snapshots"), imagesSeen: time);
        }
    }

    private async Task<string> Done(params string[] arguments)
    {
        var result = await DiffusionProcess.RunAsync(Patience, folder.Path, arguments);
        Assert.True(result.ExitCode == 0, result.Errors + result.Output);
        return result.Output;
    }
}
