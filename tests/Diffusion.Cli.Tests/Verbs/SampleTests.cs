using System.Diagnostics;
using Diffusion.Data;

namespace Diffusion.Cli.Tests.Verbs;

/// <summary>One job of images, drawn by any number of processes, however often they are killed.</summary>
public sealed class SampleTests : IDisposable
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Sample_AnyBatchesAndProcesses_SameBytes()
    {
        string net = SnapshotFiles.Write(folder.In("snapshots"));
        string[] job = ["sample", "--net", net, "--seeds", "0-10", "--steps", "6", "--s-churn", "2", "--outdir"];
        await RunAsync([.. job, "one", "--batch", "1"]);
        await RunAsync([.. job, "all", "--batch", "11", "--grid", "all.png"]);
        await RunAsync([.. job, "three", "--batch", "2", "--processes", "3", "--grid", "three.png"]);
        await RunAsync([.. job, "boxes", "--batch", "4", "--part", "2/2"]);
        await RunAsync([.. job, "boxes", "--batch", "3", "--part", "1/2"]);

        var expected = Files("one");
        Assert.Equal(12, expected.Count);
        Assert.Equal(expected, Files("all"));
        Assert.Equal(expected, Files("three"));
        Assert.Equal(expected, Files("boxes"));
        Assert.Equal(File.ReadAllBytes(folder.In("all.png")), File.ReadAllBytes(folder.In("three.png")));
    }

    [Fact]
    public async Task Sample_KilledAndStartedAgain_DrawsOnlyWhatIsMissing()
    {
        string net = SnapshotFiles.Write(folder.In("snapshots"));
        string[] job = ["sample", "--net", net, "--seeds", "0-39", "--steps", "20", "--subdirs", "--batch", "1", "--outdir"];
        await RunAsync([.. job, "undisturbed"]);

        using (var parent = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "diffusion"), [.. job, "killed", "--processes", "2"])
        {
            WorkingDirectory = folder.Path, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        })!)
        {
            using var bound = new CancellationTokenSource(Bound);
            using var poll = new PeriodicTimer(Poll);
            while (Pngs("killed").Length < 4 && await poll.WaitForNextTickAsync(bound.Token))
            {
                Assert.False(parent.HasExited, "it ended before it could be killed");
            }

            parent.Kill(entireProcessTree: true);
            await parent.WaitForExitAsync(bound.Token);
        }

        // Half an image, as a power failure leaves it.
        string cut = Pngs("killed")[0];
        using (var file = File.OpenWrite(cut))
        {
            file.SetLength(file.Length / 2);
        }

        var before = Pngs("killed").Where(p => p != cut).ToDictionary(p => p, File.GetLastWriteTimeUtc);
        var again = await RunAsync([.. job, "killed", "--processes", "2"]);
        Assert.Contains("40 of 40 images", again.Output, StringComparison.Ordinal);
        Assert.Equal(Files("undisturbed").Where(f => f.Key.EndsWith(".png", StringComparison.Ordinal)), Files("killed").Where(f => f.Key.EndsWith(".png", StringComparison.Ordinal)));
        Assert.All(before, file => Assert.Equal(file.Value, File.GetLastWriteTimeUtc(file.Key)));
    }

    [Fact]
    public async Task Sample_FolderOfAnotherJob_IsRefusedByWhatDiffers()
    {
        string net = SnapshotFiles.Write(folder.In("snapshots")), other = SnapshotFiles.Write(folder.In("snapshots"), imagesSeen: 2048);
        await RunAsync("sample", "--net", net, "--seeds", "1", "--steps", "3", "--outdir", "images");
        var steps = await DiffusionProcess.RunAsync(folder.Path, "sample", "--net", net, "--seeds", "2", "--steps", "4", "--outdir", "images");
        var network = await DiffusionProcess.RunAsync(folder.Path, "sample", "--net", other, "--seeds", "2", "--steps", "3", "--outdir", "images");
        File.Delete(folder.In("images/samples.json"));
        var unknown = await DiffusionProcess.RunAsync(folder.Path, "sample", "--net", net, "--seeds", "1", "--steps", "3", "--outdir", "images");

        Assert.Equal([2, 2, 2], [steps.ExitCode, network.ExitCode, unknown.ExitCode]);
        Assert.Contains("asked for is edm2-heun", steps.Errors, StringComparison.Ordinal);
        Assert.Contains("--net has", network.Errors, StringComparison.Ordinal);
        Assert.Contains("no samples.json", unknown.Errors, StringComparison.Ordinal);
        Assert.Single(Pngs("images"));
    }

    [Fact]
    public async Task Sample_Latents_NeedAnAutoencoderAndAreDecodedByIt()
    {
        string net = SnapshotFiles.Write(folder.In("snapshots"), channels: 4, labels: 0);
        string[] job = ["sample", "--net", net, "--seeds", "0-2", "--steps", "3", "--outdir"];
        var without = await DiffusionProcess.RunAsync(folder.Path, [.. job, "none"]);
        await RunAsync([.. job, "images", "--vae", Path.Combine(AppContext.BaseDirectory, "Latents", "whole.pt")]);

        Assert.Equal(2, without.ExitCode);
        Assert.Contains("stabilityai/sd-vae-ft-mse", without.Errors, StringComparison.Ordinal);
        Assert.All(Pngs("images"), png => Assert.Equal(new ImageShape(3, 64, 64), ImageDecoder.Read(png).Shape));
        Assert.Equal(3, Pngs("images").Length);
    }

    private async Task<ProcessResult> RunAsync(params string[] arguments)
    {
        var result = await DiffusionProcess.RunAsync(folder.Path, arguments);
        Assert.True(result.ExitCode == 0, result.Errors + result.Output);
        return result;
    }

    private string[] Pngs(string name) => Directory.Exists(folder.In(name)) ? [.. Directory.GetFiles(folder.In(name), "*.png", SearchOption.AllDirectories).Order(StringComparer.Ordinal)] : [];

    private SortedDictionary<string, string> Files(string name) => new(
        Directory.GetFiles(folder.In(name), "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(folder.In(name), file), file => Convert.ToHexString(File.ReadAllBytes(file))),
        StringComparer.Ordinal);
}
