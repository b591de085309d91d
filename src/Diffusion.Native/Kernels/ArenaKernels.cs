namespace Diffusion.Native;

/// <summary>Single passes over whole arenas. Compiled kernels where they are present and the memory is the CPU's, TorchSharp operations elsewhere.</summary>
public static class ArenaKernels
{
    /// <summary>destination ← left + right, element by element. The destination may be one of the two.</summary>
    /// <param name="destination">Where the sum goes.</param>
    /// <param name="left">First term.</param>
    /// <param name="right">Second term.</param>
    /// <param name="threads">Number of threads; changes the speed, never the result.</param>
    public static void Add(Arena destination, Arena left, Arena right, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        destination.RequireSameLayout(left);
        destination.RequireSameLayout(right);
        if (NativeKernels.IsAvailable && destination.IsOnCpu && left.IsOnCpu && right.IsOnCpu)
        {
            NativeKernels.Add(destination.Address, left.Address, right.Address, destination.Length, threads);
        }
#if !USE_PACKAGES
        else if (AreOnGpu(destination, left, right) && CudaKernels.Instance is { } kernels)
        {
            kernels.Add(destination, left, right);
        }
#endif
        else
        {
            ComposedKernels.Add(destination, left, right);
        }
    }

    /// <summary>arena ← factor · arena.</summary>
    /// <param name="arena">What to scale.</param>
    /// <param name="factor">A finite factor, so that padding stays zero.</param>
    /// <param name="threads">Number of threads; changes the speed, never the result.</param>
    public static void Scale(Arena arena, float factor, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (!float.IsFinite(factor))
        {
            throw new ArgumentOutOfRangeException(nameof(factor), factor, $"The factor is {factor}; it must be finite.");
        }

        if (NativeKernels.IsAvailable && arena.IsOnCpu)
        {
            NativeKernels.Scale(arena.Address, factor, arena.Length, threads);
        }
        else
        {
            ComposedKernels.Scale(arena, factor);
        }
    }

    /// <summary>Norm and finiteness of an arena, without changing it.</summary>
    /// <param name="arena">What to look at.</param>
    /// <param name="threads">Number of threads; changes the speed, never the result.</param>
    public static GradientSummary Summarize(Arena arena, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (NativeKernels.IsAvailable && arena.IsOnCpu)
        {
            return NativeKernels.Summarize(arena.Address, arena.Length, threads);
        }

#if !USE_PACKAGES
        if (AreOnGpu(arena) && CudaKernels.Instance is { } kernels)
        {
            return kernels.Summarize(arena);
        }
#endif
        return ComposedKernels.Summarize(arena);
    }

    /// <summary>Whether all arenas lie on one GPU.</summary>
    internal static bool AreOnGpu(params ReadOnlySpan<Arena> arenas)
    {
        foreach (var arena in arenas)
        {
            if (arena.Flat.device_type != TorchSharp.DeviceType.CUDA || arena.Flat.device_index != arenas[0].Flat.device_index)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>64-bit digest of an arena's bytes; see <see cref="ContentDigest"/>. Equal bits have equal digests on every machine.</summary>
    /// <param name="arena">What to digest; copied to the CPU if it is elsewhere.</param>
    /// <param name="threads">Number of threads; changes the speed, never the result.</param>
    public static ulong Digest(Arena arena, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (!arena.IsOnCpu)
        {
            using var copy = new Arena(arena.Layout);
            copy.CopyFrom(arena);
            return Digest(copy, threads);
        }

        return ContentDigest.Compute(arena.Address, arena.Length * sizeof(float), threads);
    }
}
