namespace Diffusion.Cli.Tests.Verbs;

public sealed class DoctorTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Doctor_HereWhereTestsRun_FindsLibtorchAndComputesRight()
    {
        var result = await DiffusionProcess.RunAsync(folder.Path, "doctor");

        Assert.True(result.ExitCode == 0, result.Output + result.Errors);
        Assert.Contains("libtorch", result.Output);
        Assert.Contains("are right", result.Output);
    }

    [Fact]
    public async Task Doctor_WithoutTheBridge_ExplainsAndFails()
    {
        // The program as it would be on a box without libtorch: everything but the bridge.
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory).Where(f => !Path.GetFileName(f).StartsWith("libdiffusion_torch", StringComparison.Ordinal)))
        {
            File.CreateSymbolicLink(folder.In(Path.GetFileName(file)), file);
        }

        File.Delete(folder.In("diffusion.dll"));
        File.Copy(Path.Combine(AppContext.BaseDirectory, "diffusion.dll"), folder.In("diffusion.dll"));
        File.Delete(folder.In("TorchSharp.dll"));
        File.Copy(Path.Combine(AppContext.BaseDirectory, "TorchSharp.dll"), folder.In("TorchSharp.dll"));
        var result = await DiffusionProcess.RunAsync("dotnet", folder.Path, [folder.In("diffusion.dll"), "doctor"]);

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("libtorch    cannot be loaded", result.Output);
        Assert.Contains("WRONG", result.Output);
    }
}
