namespace TorchSharp;

/// <summary>How a tensor is continued beyond its edges.</summary>
public enum PaddingModes
{
    /// <summary>By zeros.</summary>
    Zeros = 0,

    /// <summary>Mirrored, without repeating the edge.</summary>
    Reflect = 1,

    /// <summary>By the edge.</summary>
    Replicate = 2,

    /// <summary>From the other side.</summary>
    Circular = 3,

    /// <summary>By a given value.</summary>
    Constant = 4,
}

public static unsafe partial class torch
{
    /// <summary>How <see cref="nn.functional.interpolate"/> finds values between elements.</summary>
    public enum InterpolationMode
    {
        /// <summary>The element below.</summary>
        Nearest = 0,

        /// <summary>Linear, for sequences.</summary>
        Linear = 1,

        /// <summary>Linear in both directions.</summary>
        Bilinear = 2,

        /// <summary>Cubic in both directions.</summary>
        Bicubic = 3,

        /// <summary>Linear in three directions.</summary>
        Trilinear = 4,

        /// <summary>The mean of the area.</summary>
        Area = 5,

        /// <summary>The nearest element.</summary>
        NearestExact = 6,
    }

    /// <summary>How <see cref="nn.functional.grid_sample"/> finds values between elements.</summary>
    public enum GridSampleMode
    {
        /// <summary>The nearest element.</summary>
        Nearest = 0,

        /// <summary>Linear in both directions.</summary>
        Bilinear = 2,
    }

    /// <summary>What <see cref="nn.functional.grid_sample"/> finds beyond the edges.</summary>
    public enum GridSamplePaddingMode
    {
        /// <summary>Zeros.</summary>
        Zeros = 0,

        /// <summary>The mirrored image.</summary>
        Reflection = 1,

        /// <summary>The edge.</summary>
        Border = 2,
    }
}
