using Diffusion.Model.Costs;
using Diffusion.Model.Layers;

namespace Diffusion.Model.Networks;

/// <summary>Which half of the U-Net a block is in.</summary>
internal enum BlockSide
{
    /// <summary>Projects and pixel-normalises its input before the residual branch sees it.</summary>
    Encoder,

    /// <summary>Projects its input after the residual branch has seen it; no pixel normalisation.</summary>
    Decoder,
}

/// <summary>One residual block with optional resampling and attention (EDM2, arXiv:2312.02696, Figure 21).</summary>
internal sealed class UNetBlock : IUNetModule
{
    private readonly UNetOptions options;
    private readonly BlockSide side;
    private readonly ResampleMode mode;
    private readonly NetworkParameter embeddingGain;
    private readonly NormalizedWeight residual0;
    private readonly NormalizedWeight embedding;
    private readonly NormalizedWeight residual1;
    private readonly NormalizedWeight? skip;
    private readonly NormalizedWeight? queryKeyValue;
    private readonly NormalizedWeight? projection;

    public UNetBlock(TensorRegistry registry, string name, UNetOptions options, BlockSide side, int inputs, int outputs, ResampleMode mode = ResampleMode.Keep, bool attention = false)
    {
        this.options = options;
        this.side = side;
        this.mode = mode;
        Name = name;
        Inputs = inputs;
        Outputs = outputs;
        Heads = options.Heads(outputs, attention);

        // The order of registration is the order of the state dictionary and of the random draws.
        embeddingGain = registry.Gain(name + ".emb_gain");
        residual0 = new NormalizedWeight(registry, name + ".conv_res0", side == BlockSide.Encoder ? outputs : inputs, outputs, kernel: 3);
        embedding = new NormalizedWeight(registry, name + ".emb_linear", options.EmbeddingChannels, outputs, kernel: 0);
        residual1 = new NormalizedWeight(registry, name + ".conv_res1", outputs, outputs, kernel: 3);
        skip = inputs == outputs ? null : new NormalizedWeight(registry, name + ".conv_skip", inputs, outputs, kernel: 1);
        if (Heads > 0)
        {
            queryKeyValue = new NormalizedWeight(registry, name + ".attn_qkv", outputs, 3 * outputs, kernel: 1);
            projection = new NormalizedWeight(registry, name + ".attn_proj", outputs, outputs, kernel: 1);
        }
    }

    public string Name { get; }

    public int Inputs { get; }

    public int Outputs { get; }

    public int Heads { get; }

    /// <summary>Takes the popped skip connection beside the main path.</summary>
    public bool TakesSkip { get; init; }

    public Tensor Apply(Tensor x, Tensor emb, ForwardPass pass)
    {
        using var scope = torch.NewDisposeScope();

        // 1. Main path.
        x = MagnitudePreserving.Resample(x, options.ResampleFilter, mode);
        if (side == BlockSide.Encoder)
        {
            x = MagnitudePreserving.Normalize(skip is null ? x : skip.Apply(x), [1]);
        }

        // 2. Residual branch, scaled per channel by the embedding.
        var y = residual0.Apply(MagnitudePreserving.Silu(x));
        var scale = embedding.Apply(emb, embeddingGain.Value).add(1);
        y = MagnitudePreserving.ModulatedSilu(y, scale);
        y = residual1.Apply(pass.Dropout(y, options.Dropout));

        // 3. Both together.
        if (side == BlockSide.Decoder && skip is not null)
        {
            x = skip.Apply(x);
        }

        bool attends = queryKeyValue is not null;
        x = MagnitudePreserving.Sum(x, y, options.ResBalance, attends ? null : options.ClipAct);

        // 4. Attention. The last sum of a block is the one that is clipped.
        if (queryKeyValue is not null && projection is not null)
        {
            y = projection.Apply(MagnitudePreserving.Attention(queryKeyValue.Apply(x), Heads));
            x = MagnitudePreserving.Sum(x, y, options.AttnBalance, options.ClipAct);
        }

        return x.MoveToOuterDisposeScope();
    }

    public int Count(OperationCounter counter, int resolution)
    {
        int after = mode switch { ResampleMode.Down => resolution / 2, ResampleMode.Up => resolution * 2, _ => resolution };
        long pixels = (long)after * after, elements = Outputs * pixels;
        if (mode != ResampleMode.Keep)
        {
            counter.Convolution(Inputs * pixels * options.ResampleFilter.Count * options.ResampleFilter.Count, Inputs * pixels);
        }

        skip?.Count(counter, after);
        if (side == BlockSide.Encoder)
        {
            counter.Normalize(elements, pixels);
        }

        counter.Silu((side == BlockSide.Encoder ? Outputs : Inputs) * pixels);
        residual0.Count(counter, after);
        embedding.Count(counter);
        counter.Arithmetic(Outputs + elements);
        counter.Silu(elements);
        residual1.Count(counter, after);
        counter.WeightedSum(elements);
        if (queryKeyValue is not null && projection is not null)
        {
            queryKeyValue.Count(counter, after);
            counter.Normalize(3 * elements, 3 * Heads * pixels);
            counter.Arithmetic(elements);
            counter.MatrixProduct(elements * pixels, Heads * pixels * pixels);
            counter.Softmax(Heads * pixels * pixels);
            counter.MatrixProduct(elements * pixels, elements);
            projection.Count(counter, after);
            counter.WeightedSum(elements);
        }

        if (options.ClipAct is not null)
        {
            counter.Clamp(elements);
        }

        return after;
    }
}
