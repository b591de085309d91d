using System.Numerics;
using System.Runtime.InteropServices;

namespace Diffusion.Native;

/// <summary>Kernels on raw memory of the CPU: compiled ones, or the same sums in C#.</summary>
internal static unsafe class BufferKernels
{
    private const int ManagedBlock = 1 << 16;

    /// <summary>Pushes the sources on a stack one by one; after source i its two topmost entries are added merges[i] times; one entry remains.</summary>
    public static void SumInOrder(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count, int threads)
    {
        if (NativeKernels.IsAvailable)
        {
            NativeKernels.SumInOrder(destination, sources, merges, count, threads);
            return;
        }

        SumInOrderManaged(destination, sources, merges, count);
    }

    internal static void SumInOrderManaged(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count)
    {
        var block = new float[merges.Length + 1][];
        for (long from = 0; from < count; from += ManagedBlock)
        {
            int length = (int)Math.Min(ManagedBlock, count - from);
            int top = 0;
            for (int i = 0; i < merges.Length; i++)
            {
                block[top] ??= new float[ManagedBlock];
                new ReadOnlySpan<float>((float*)sources[i] + from, length).CopyTo(block[top++]);
                for (int j = 0; j < merges[i]; j++, top--)
                {
                    AddTo(block[top - 2].AsSpan(0, length), block[top - 1].AsSpan(0, length));
                }
            }

            if (top != 1)
            {
                throw new ArgumentException($"Additions [{string.Join(' ', merges.ToArray())}] end with {top} sums; they must end with one.", nameof(merges));
            }

            block[0].AsSpan(0, length).CopyTo(new Span<float>((float*)destination + from, length));
        }
    }

    private static void AddTo(Span<float> sum, ReadOnlySpan<float> term)
    {
        var sums = MemoryMarshal.Cast<float, Vector<float>>(sum);
        var terms = MemoryMarshal.Cast<float, Vector<float>>(term);
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] += terms[i];
        }

        for (int i = sums.Length * Vector<float>.Count; i < sum.Length; i++)
        {
            sum[i] += term[i];
        }
    }
}
