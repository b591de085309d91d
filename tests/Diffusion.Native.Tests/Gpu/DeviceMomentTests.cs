using TorchSharp;

namespace Diffusion.Native.Tests.Gpu;

/// <summary>What follows a moment is done; on the processor at once.</summary>
public sealed class DeviceMomentTests
{
    [Fact]
    public void Then_OnTheProcessor_RunsTheAction()
    {
        bool done = false;
        using var moment = DeviceMoment.Now(torch.CPU);
        moment.Then(() => done = true);

        Assert.True(done);
    }
}
