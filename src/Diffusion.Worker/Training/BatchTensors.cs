using Diffusion.Data;
using TorchSharp;

namespace Diffusion.Worker.Training;

/// <summary>Host batches as tensors. The caller's dispose scope owns what is returned.</summary>
internal static class BatchTensors
{
    /// <summary>Stored images, <c>[n, C, H, W]</c> uint8 or float32, on a device.</summary>
    public static torch.Tensor Images(ImageBatch batch, int first, int count, torch.Device device) => To(device, Images(batch, first, count));

    /// <summary>Labels, <c>[n, label_dim]</c> float32, on a device; null without labels.</summary>
    public static torch.Tensor? Labels(ImageBatch batch, int first, int count, torch.Device device) => Labels(batch, first, count) is { } labels ? To(device, labels) : null;

    // From pinned memory a GPU fetches by itself, when it comes to it: nobody waits. libtorch keeps the memory until then.
    private static torch.Tensor To(torch.Device device, torch.Tensor values) => device.type == DeviceType.CUDA ? values.pin_memory().to(device, non_blocking: true) : values;

    private static torch.Tensor Images(ImageBatch batch, int first, int count)
    {
        int values = batch.Shape.Elements;
        long[] shape = [count, batch.Shape.Channels, batch.Shape.Height, batch.Shape.Width];
        if (batch.Element == ImageElement.Pixel)
        {
            var pixels = torch.empty(shape, dtype: torch.ScalarType.Byte);
            batch.Pixels.AsSpan(first * values, count * values).CopyTo(pixels.bytes);
            return pixels;
        }

        var latents = torch.empty(shape, dtype: torch.ScalarType.Float32);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(batch.Latents.AsSpan(first * values, count * values)).CopyTo(latents.bytes);
        return latents;
    }

    private static torch.Tensor? Labels(ImageBatch batch, int first, int count)
    {
        if (batch.LabelDim == 0)
        {
            return null;
        }

        var labels = torch.empty([count, batch.LabelDim], dtype: torch.ScalarType.Float32);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(batch.Labels.AsSpan(first * batch.LabelDim, count * batch.LabelDim)).CopyTo(labels.bytes);
        return labels;
    }
}
