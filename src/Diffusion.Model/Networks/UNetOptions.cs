namespace Diffusion.Model.Networks;

/// <summary>Hyperparameters of the EDM2 U-Net (Karras et al., arXiv:2312.02696, Table 6); the defaults are those of edm2-img512-s.</summary>
public sealed record UNetOptions
{
    /// <summary>Base number of channels.</summary>
    public int ModelChannels { get; init; } = 192;

    /// <summary>Channels at each level, as multiples of <see cref="ModelChannels"/>; level l works at resolution R / 2^l.</summary>
    public IReadOnlyList<int> ChannelMult { get; init; } = [1, 2, 3, 4];

    /// <summary>Fourier features of the noise level, as a multiple of <see cref="ModelChannels"/>.</summary>
    /// <value>Null: as many as the first level has channels.</value>
    public int? ChannelMultNoise { get; init; }

    /// <summary>Width of the embedding, as a multiple of <see cref="ModelChannels"/>.</summary>
    /// <value>Null: as many as the widest level has channels.</value>
    public int? ChannelMultEmb { get; init; }

    /// <summary>Residual blocks per level in the encoder; the decoder has one more.</summary>
    public int NumBlocks { get; init; } = 3;

    /// <summary>Resolutions whose blocks have self-attention.</summary>
    public IReadOnlyList<int> AttnResolutions { get; init; } = [16, 8];

    /// <summary>Weight t of the class embedding against the noise embedding.</summary>
    public double LabelBalance { get; init; } = 0.5;

    /// <summary>Weight t of a skip connection against the main path.</summary>
    public double ConcatBalance { get; init; } = 0.5;

    /// <summary>Separable filter of up- and downsampling; of even length.</summary>
    public IReadOnlyList<double> ResampleFilter { get; init; } = [1, 1];

    /// <summary>Channels of one attention head. A block with fewer channels has no attention, even if asked for it.</summary>
    public int ChannelsPerHead { get; init; } = 64;

    /// <summary>Probability of a dropped activation while training.</summary>
    public double Dropout { get; init; }

    /// <summary>Weight t of a block's residual branch.</summary>
    public double ResBalance { get; init; } = 0.3;

    /// <summary>Weight t of a block's attention.</summary>
    public double AttnBalance { get; init; } = 0.3;

    /// <summary>Activations are clipped to ± this at the end of each block; null switches that off.</summary>
    public double? ClipAct { get; init; } = 256;

    internal IReadOnlyList<int> LevelChannels => [.. ChannelMult.Select(mult => mult * ModelChannels)];

    internal int NoiseChannels => ChannelMultNoise * ModelChannels ?? LevelChannels[0];

    internal int EmbeddingChannels => ChannelMultEmb * ModelChannels ?? LevelChannels.Max();

    internal int Heads(int channels, bool attention) => attention ? channels / ChannelsPerHead : 0;

    /// <summary>Names, shapes and kinds of all tensors of the bare U-Net in state order, without allocating any.</summary>
    /// <param name="images">Size of images and labels.</param>
    public IReadOnlyList<NetworkTensor> DescribeParameters(ImageShape images)
    {
        var registry = new TensorRegistry();
        _ = new UNet(registry, "unet.", this, images);
        return registry.All;
    }

    /// <summary>Every problem found, so that one edit can fix them all.</summary>
    /// <param name="images">Size of images and labels.</param>
    public IEnumerable<string> Problems(ImageShape images)
    {
        foreach (string problem in ArithmeticProblems())
        {
            yield return problem;
        }

        if (images.Resolution < 1 || images.Channels < 1 || images.LabelDim < 0)
        {
            yield return $"images are {images.Resolution}x{images.Resolution} with {images.Channels} channels and {images.LabelDim} classes; all but the classes must be positive.";
        }

        if (ModelChannels < 1 || ChannelsPerHead < 1 || NumBlocks < 1 || ChannelMult.Count == 0 || ChannelMult.Any(mult => mult < 1) || ChannelMultNoise < 1 || ChannelMultEmb < 1)
        {
            yield return $"modelChannels {ModelChannels}, channelsPerHead {ChannelsPerHead}, numBlocks {NumBlocks} and the multipliers [{string.Join(", ", ChannelMult)}] must all be positive.";
            yield break;
        }

        int halvings = ChannelMult.Count - 1;
        if (images.Resolution % (1 << halvings) != 0)
        {
            yield return $"images of {images.Resolution}x{images.Resolution} cannot be halved {halvings} times. Use fewer entries in channelMult, or a resolution divisible by {1 << halvings}.";
        }

        foreach (int channels in LevelChannels.Distinct().Where(channels => channels >= ChannelsPerHead && channels % (channels / ChannelsPerHead) != 0))
        {
            yield return $"{channels} channels do not split into {channels / ChannelsPerHead} attention heads. Try channelsPerHead {NearestDivisor(channels)}.";
        }
    }

    /// <summary>What the options do that a reader may not expect: attention that was asked for but cannot be.</summary>
    /// <param name="images">Size of images and labels.</param>
    public IEnumerable<string> Remarks(ImageShape images)
    {
        for (int level = 0; level < ChannelMult.Count; level++)
        {
            int resolution = images.Resolution >> level;
            bool lowest = level == ChannelMult.Count - 1;
            if ((lowest || AttnResolutions.Contains(resolution)) && LevelChannels[level] < ChannelsPerHead)
            {
                yield return $"No attention at {resolution}x{resolution}: {LevelChannels[level]} channels are fewer than channelsPerHead {ChannelsPerHead}.";
            }
        }
    }

    private IEnumerable<string> ArithmeticProblems()
    {
        foreach (var (name, t) in new[] { ("labelBalance", LabelBalance), ("concatBalance", ConcatBalance), ("resBalance", ResBalance), ("attnBalance", AttnBalance) })
        {
            if (t is not (>= 0 and <= 1))
            {
                yield return $"{name} is {t}; it must be in [0, 1].";
            }
        }

        if (Dropout is not (>= 0 and < 1))
        {
            yield return $"dropout is {Dropout}; it must be in [0, 1).";
        }

        if (ClipAct is not (null or > 0))
        {
            yield return $"clipAct is {ClipAct}; it must be positive, or null for no clipping.";
        }

        if (ResampleFilter.Count == 0 || ResampleFilter.Count % 2 != 0 || ResampleFilter.Sum() == 0)
        {
            yield return $"resampleFilter is [{string.Join(", ", ResampleFilter)}]; it must have an even number of taps with a sum other than 0. Try [1, 1].";
        }
    }

    private int NearestDivisor(int channels)
        => Enumerable.Range(1, channels).Where(width => channels % width == 0).MinBy(width => Math.Abs(width - ChannelsPerHead));
}
