namespace TorchSharp;

public static unsafe partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            /// <summary>An image in another size, or scaled by factors.</summary>
            /// <param name="x">[N, C, H, W], or [N, C, L] for <see cref="InterpolationMode.Linear"/>.</param>
            /// <param name="size">The size wanted, unless factors are given.</param>
            /// <param name="scale_factor">A factor for each dimension.</param>
            /// <param name="mode">How values between elements are found.</param>
            /// <param name="align_corners">The centres of the corner elements are kept, not their outer edges.</param>
            /// <param name="recompute_scale_factor">Compute with the factor of the rounded size.</param>
            /// <param name="antialias">Filter before shrinking; for bilinear and bicubic.</param>
            public static Tensor interpolate(
                Tensor x,
                long[]? size = null,
                double[]? scale_factor = null,
                InterpolationMode mode = InterpolationMode.Nearest,
                bool? align_corners = null,
                bool recompute_scale_factor = false,
                bool antialias = false)
            {
                if ((size is null) == (scale_factor is null))
                {
                    throw new ArgumentException("interpolate takes either a size or a scale factor.");
                }
                if (recompute_scale_factor && scale_factor is not null)
                {
                    var sizes = x.shape;
                    size = [.. scale_factor.Select((factor, i) => (long)Math.Floor(sizes[i + 2] * factor))];
                    scale_factor = null;
                }
                return Interpolated(x, size, scale_factor, mode, align_corners ?? false, antialias);
            }

            private static Tensor Interpolated(Tensor x, long[]? size, double[]? scale, InterpolationMode mode, bool corners, bool antialias) => (mode, x.dim()) switch
            {
                (InterpolationMode.Nearest, 3) => Aten.upsample_nearest1d_vec.Call(x, size, scale),
                (InterpolationMode.Nearest, 4) => Aten.upsample_nearest2d_vec.Call(x, size, scale),
                (InterpolationMode.Nearest, 5) => Aten.upsample_nearest3d_vec.Call(x, size, scale),
                (InterpolationMode.NearestExact, 3) => Aten._upsample_nearest_exact1d_vec.Call(x, size, scale),
                (InterpolationMode.NearestExact, 4) => Aten._upsample_nearest_exact2d_vec.Call(x, size, scale),
                (InterpolationMode.NearestExact, 5) => Aten._upsample_nearest_exact3d_vec.Call(x, size, scale),
                (InterpolationMode.Linear, 3) => Aten.upsample_linear1d_vec.Call(x, size, corners, scale),
                (InterpolationMode.Bilinear, 4) when antialias => Aten._upsample_bilinear2d_aa_vec.Call(x, size, corners, scale),
                (InterpolationMode.Bicubic, 4) when antialias => Aten._upsample_bicubic2d_aa_vec.Call(x, size, corners, scale),
                (InterpolationMode.Bilinear, 4) => Aten.upsample_bilinear2d_vec.Call(x, size, corners, scale),
                (InterpolationMode.Bicubic, 4) => Aten.upsample_bicubic2d_vec.Call(x, size, corners, scale),
                (InterpolationMode.Trilinear, 5) => Aten.upsample_trilinear3d_vec.Call(x, size, corners, scale),
                (InterpolationMode.Area, 4) => Aten.adaptive_avg_pool2d.Call(x, size ?? [.. scale!.Select((factor, i) => (long)Math.Floor(x.shape[i + 2] * factor))]),
                _ => throw new ArgumentException($"{mode} does not apply to a tensor of {x.dim()} dimensions.", nameof(mode)),
            };

            /// <summary>Edges added to, or cut from, the last dimensions: two numbers for each, the last dimension first.</summary>
            public static Tensor pad(Tensor input, long[] pad, PaddingModes mode = PaddingModes.Constant, double value = 0)
            {
                if (mode is PaddingModes.Constant or PaddingModes.Zeros)
                {
                    return Aten.constant_pad_nd.Call(input, pad, mode == PaddingModes.Zeros ? 0.0 : value);
                }
                return (mode, pad.Length) switch
                {
                    (PaddingModes.Reflect, 2) => Aten.reflection_pad1d.Call(input, pad),
                    (PaddingModes.Reflect, 4) => Aten.reflection_pad2d.Call(input, pad),
                    (PaddingModes.Reflect, 6) => Aten.reflection_pad3d.Call(input, pad),
                    (PaddingModes.Replicate, 2) => Aten.replication_pad1d.Call(input, pad),
                    (PaddingModes.Replicate, 4) => Aten.replication_pad2d.Call(input, pad),
                    (PaddingModes.Replicate, 6) => Aten.replication_pad3d.Call(input, pad),
                    (PaddingModes.Circular, 2 or 4 or 6) => Aten._pad_circular.Call(input, pad),
                    _ => throw new ArgumentException($"{mode} takes 2, 4 or 6 numbers, given were {pad.Length}.", nameof(pad)),
                };
            }

            /// <inheritdoc cref="pad(Tensor, long[], PaddingModes, double)"/>
            public static Tensor pad(Tensor input, ReadOnlySpan<long> pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, pad.ToArray(), mode, value);

            /// <inheritdoc cref="pad(Tensor, long[], PaddingModes, double)"/>
            public static Tensor pad(Tensor input, (long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, new[] { pad.Item1, pad.Item2 }, mode, value);

            /// <inheritdoc cref="pad(Tensor, long[], PaddingModes, double)"/>
            public static Tensor pad(Tensor input, (long, long, long, long) pad, PaddingModes mode = PaddingModes.Constant, double value = 0) =>
                functional.pad(input, new[] { pad.Item1, pad.Item2, pad.Item3, pad.Item4 }, mode, value);

            /// <summary>Values of an image [N, C, H, W] at points [N, h, w, 2], x before y, with −1 and 1 at the edges.</summary>
            public static Tensor grid_sample(
                Tensor input, Tensor grid, GridSampleMode mode = GridSampleMode.Bilinear, GridSamplePaddingMode padding_mode = GridSamplePaddingMode.Zeros, bool? align_corners = null)
            {
                // libtorch numbers these otherwise.
                long interpolation = mode == GridSampleMode.Bilinear ? 0 : 1;
                long padding = padding_mode switch
                {
                    GridSamplePaddingMode.Border => 1,
                    GridSamplePaddingMode.Reflection => 2,
                    _ => 0,
                };
                return Aten.grid_sampler.Call(input, grid, interpolation, padding, align_corners ?? false);
            }

            /// <summary>The points for <see cref="grid_sample"/> that affine maps [N, 2, 3] send the elements of an image of a size to.</summary>
            public static Tensor affine_grid(Tensor theta, long[]? size = null, bool align_corners = false) =>
                Aten.affine_grid_generator.Call(theta, size ?? throw new ArgumentNullException(nameof(size), "affine_grid needs the size [N, C, H, W] of the image."), align_corners);
        }
    }
}
