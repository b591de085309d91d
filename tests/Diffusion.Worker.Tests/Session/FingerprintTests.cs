using Diffusion.Contracts.Configuration;
using Diffusion.Native;
using Diffusion.Worker.Session;
using Diffusion.Worker.Tests.Training;

namespace Diffusion.Worker.Tests.Session;

/// <summary>What has to be equal on all workers, by kind of device and of sum.</summary>
public sealed class FingerprintTests
{
    private static readonly DeviceList Processor = new(DeviceKind.Cpu, [0]);

    [Fact]
    public void Of_ExactSums_NamesWhatDecidesTheBits()
    {
        using var run = new TinyRun();
        var fingerprint = Fingerprint.Of(run.Config, run.Data, Processor, "layout");

        Assert.Equal("cpu", fingerprint["device"]);
        Assert.All(["instructions", "kernels", "libtorch"], key => Assert.NotEmpty(fingerprint[key]));
    }

    [Fact]
    public void Of_FastSums_LeavesOutTheDevice()
    {
        using var run = new TinyRun();
        var fast = run.Config with { Training = run.Config.Training with { GradientSum = GradientSum.Fast } };

        Assert.All(["device", "gpu", "instructions"], key => Assert.DoesNotContain(key, Fingerprint.Of(fast, run.Data, Processor, "layout").Keys));
    }

    [Fact]
    public void Gpus_OfOneModel_AreNamedByModelAndCapability()
    {
        var entries = Fingerprint.Gpus([1, 0], [H200(0), H200(1)]).ToDictionary();

        Assert.Equal(("cuda", "NVIDIA H200 9.0"), (entries["device"], entries["gpu"]));
    }

    [Fact]
    public void Gpus_OfTwoModelsInOneWorker_AreRefusedWithTheRemedy()
    {
        var refused = Assert.Throws<ConfigurationException>(() => Fingerprint.Gpus([0, 1], [H200(0), new GpuDescription(1, "NVIDIA A100", 1 << 30, new Version(8, 0), 108)]));

        Assert.Contains("NVIDIA H200 9.0, NVIDIA A100 8.0", refused.Message, StringComparison.Ordinal);
        Assert.Contains("--fast", refused.Message, StringComparison.Ordinal);
    }

    private static GpuDescription H200(int number) => new(number, "NVIDIA H200", 1L << 37, new Version(9, 0), 132);
}
