using System.Runtime.InteropServices;

namespace Diffusion.Native;

/// <summary>Tells an exhausted memory from other failures of libtorch, and says what would fit.</summary>
public static class DeviceMemory
{
    /// <summary>What libtorch's message of an exhausted memory holds, on every GPU.</summary>
    public const string ExhaustedMark = "out of memory";

    private const string CpuMark = "not enough CPU memory";

    /// <summary>Whether a failure is an exhausted memory.</summary>
    /// <param name="failure">What libtorch threw.</param>
    public static bool IsExhausted(Exception failure) => failure is ExternalException or OutOfMemoryException
        && (failure is OutOfMemoryException || failure.Message.Contains(ExhaustedMark, StringComparison.OrdinalIgnoreCase) || failure.Message.Contains(CpuMark, StringComparison.Ordinal));

    /// <summary>Which forward pass fits where a larger one did not.</summary>
    /// <param name="images">Images of the pass that did not fit.</param>
    /// <param name="peakBytes">Memory the device was using when it failed, all of it.</param>
    /// <param name="fixedBytes">Memory that does not grow with the images: weights, gradients, moments, averages.</param>
    /// <param name="bytesPerImage">Least memory that an image of the pass needs.</param>
    /// <returns>A number of images that divides <paramref name="images"/>; 0 when not even one fits.</returns>
    public static int ImagesThatFit(int images, long peakBytes, long fixedBytes, long bytesPerImage)
    {
        // The estimate counts what backward needs and no workspace: half is left for the rest.
        long room = Math.Max(0, peakBytes - fixedBytes) / 2;
        long fits = bytesPerImage <= 0 ? 0 : Math.Min(images - 1, room / bytesPerImage);
        for (long size = fits; size >= 1; size--)
        {
            if (images % size == 0)
            {
                return (int)size;
            }
        }

        return 0;
    }
}
