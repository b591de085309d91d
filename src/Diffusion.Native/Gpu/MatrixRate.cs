using System.Diagnostics;
using TorchSharp;

namespace Diffusion.Native;

/// <summary>Number format of a timed matrix product.</summary>
public enum MatrixFormat
{
    /// <summary>Single precision.</summary>
    Float32,

    /// <summary>bfloat16.</summary>
    BFloat16,

    /// <summary>Half precision.</summary>
    Float16,
}

/// <summary>How fast a device multiplies matrices: the ceiling that a step's use of it is a share of.</summary>
public static class MatrixRate
{
    private const int GpuSide = 8192, CpuSide = 512, Rounds = 10, WarmUp = 3;

    /// <summary>Operations a second of a square product (2n³ operations) of random values, the best of several.</summary>
    /// <param name="device">libtorch's name.</param>
    /// <param name="format">Number format of the factors.</param>
    /// <returns>0 where the device has no such arithmetic.</returns>
    public static double Measure(string device, MatrixFormat format)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var where = torch.device(device);
        bool onGpu = where.type == DeviceType.CUDA;
        if (format == MatrixFormat.Float16 && !onGpu)
        {
            return 0;
        }

        int side = onGpu ? GpuSide : CpuSide;
        var type = format switch { MatrixFormat.BFloat16 => torch.ScalarType.BFloat16, MatrixFormat.Float16 => torch.ScalarType.Float16, _ => torch.ScalarType.Float32 };
        var a = torch.randn([side, side], device: where).to(type);
        var b = torch.randn([side, side], device: where).to(type);
        double best = double.PositiveInfinity;
        for (int round = -WarmUp; round < Rounds; round++)
        {
            long started = Stopwatch.GetTimestamp();
            using var product = a.matmul(b);
            if (onGpu)
            {
                torch.cuda.synchronize(where);
            }

            best = round < 0 ? best : Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return 2.0 * side * side * side / best;
    }
}
