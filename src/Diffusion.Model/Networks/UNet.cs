using Diffusion.Model.Costs;
using Diffusion.Model.Layers;

namespace Diffusion.Model.Networks;

/// <summary>A network before preconditioning: image and noise label in, image out.</summary>
internal interface IBackbone
{
    /// <param name="x">[N, C, H, W] in the number format of the image path.</param>
    /// <param name="noiseLabels">[N or 1] float32.</param>
    /// <param name="labels">[N or 1, LabelDim] float32; null if the network is unconditional.</param>
    /// <param name="pass">Mode, dropout and probe.</param>
    Tensor Apply(Tensor x, Tensor noiseLabels, Tensor? labels, ForwardPass pass);

    /// <summary>Operations for one image.</summary>
    void Count(OperationCounter counter);
}

/// <summary>Builds a backbone whose tensors are named with the prefix.</summary>
internal delegate IBackbone BackboneFactory(TensorRegistry registry, string prefix);

/// <summary>One entry of the encoder or decoder.</summary>
internal interface IUNetModule
{
    string Name { get; }

    int Outputs { get; }

    bool TakesSkip { get; }

    Tensor Apply(Tensor x, Tensor emb, ForwardPass pass);

    /// <summary>Counts operations for one image and returns the resolution after the module.</summary>
    int Count(OperationCounter counter, int resolution);
}

/// <summary>The EDM2 U-Net (arXiv:2312.02696, configuration G).</summary>
internal sealed class UNet : IBackbone
{
    private readonly UNetOptions options;
    private readonly ImageShape images;
    private readonly string prefix;
    private readonly NetworkParameter outGain;
    private readonly FourierFeatures noiseFeatures;
    private readonly NormalizedWeight noiseEmbedding;
    private readonly NormalizedWeight? labelEmbedding;
    private readonly List<IUNetModule> encoder = [];
    private readonly List<IUNetModule> decoder = [];
    private readonly NormalizedWeight output;

    public UNet(TensorRegistry registry, string prefix, UNetOptions options, ImageShape images)
    {
        this.options = options;
        this.images = images;
        this.prefix = prefix;
        outGain = registry.Gain(prefix + "out_gain");
        noiseFeatures = new FourierFeatures(registry, prefix + "emb_fourier", options.NoiseChannels);
        noiseEmbedding = new NormalizedWeight(registry, prefix + "emb_noise", options.NoiseChannels, options.EmbeddingChannels, kernel: 0);
        labelEmbedding = images.LabelDim == 0 ? null : new NormalizedWeight(registry, prefix + "emb_label", images.LabelDim, options.EmbeddingChannels, kernel: 0);
        BuildDecoder(registry, BuildEncoder(registry));
        output = new NormalizedWeight(registry, prefix + "out_conv", options.LevelChannels[0], images.Channels, kernel: 3);
    }

    public Tensor Apply(Tensor x, Tensor noiseLabels, Tensor? labels, ForwardPass pass)
    {
        using var scope = torch.NewDisposeScope();
        var emb = Embed(noiseLabels, labels, pass);

        // A constant channel stands in for the bias of the first convolution.
        x = torch.cat([x, torch.ones([x.shape[0], 1, x.shape[2], x.shape[3]], dtype: x.dtype, device: x.device)], 1);

        var skips = new Stack<Tensor>();
        foreach (var module in encoder)
        {
            x = pass.Report(module.Name, module.Apply(x, emb, pass));
            skips.Push(x);
        }

        foreach (var module in decoder)
        {
            // What the decoder has used is released here; autograd keeps what it needs by itself.
            if (module.TakesSkip)
            {
                using var main = x;
                using var skip = skips.Pop();
                using var both = MagnitudePreserving.Cat(main, skip, options.ConcatBalance);
                x = module.Apply(both, emb, pass);
            }
            else
            {
                // The lowest level's input is still on the stack of skips.
                x = module.Apply(x, emb, pass);
            }

            pass.Report(module.Name, x);
        }

        return pass.Report(output.Name, output.Apply(x, outGain.Value)).MoveToOuterDisposeScope();
    }

    public void Count(OperationCounter counter)
    {
        noiseFeatures.Count(counter);
        noiseEmbedding.Count(counter);
        if (labelEmbedding is not null)
        {
            counter.Arithmetic(images.LabelDim);
            labelEmbedding.Count(counter);
            counter.WeightedSum(options.EmbeddingChannels);
        }

        counter.Silu(options.EmbeddingChannels);
        int resolution = images.Resolution;
        var skips = new Stack<int>();
        foreach (var module in encoder)
        {
            resolution = module.Count(counter, resolution);
            skips.Push(module.Outputs);
        }

        int channels = options.LevelChannels[^1];
        foreach (var module in decoder)
        {
            if (module.TakesSkip)
            {
                counter.Arithmetic((long)(channels + skips.Pop()) * resolution * resolution);
            }

            resolution = module.Count(counter, resolution);
            channels = module.Outputs;
        }

        output.Count(counter, resolution);
    }

    private Tensor Embed(Tensor noiseLabels, Tensor? labels, ForwardPass pass)
    {
        var features = pass.Report(noiseFeatures.Name, noiseFeatures.Apply(noiseLabels));
        var emb = pass.Report(noiseEmbedding.Name, noiseEmbedding.Apply(features));
        if (labelEmbedding is not null && labels is not null)
        {
            // One-hot labels have rms 1/√n; √n brings them to unit magnitude.
            var label = labelEmbedding.Apply(labels.mul(Math.Sqrt(images.LabelDim)));
            emb = MagnitudePreserving.Sum(emb, pass.Report(labelEmbedding.Name, label), options.LabelBalance);
        }

        return pass.Report(prefix + "emb", MagnitudePreserving.Silu(emb));
    }

    private List<int> BuildEncoder(TensorRegistry registry)
    {
        var skipChannels = new List<int>();
        int channels = images.Channels + 1;
        for (int level = 0; level < options.LevelChannels.Count; level++)
        {
            var (name, resolution) = Level("enc", level);
            int width = options.LevelChannels[level];
            if (level == 0)
            {
                Encode(new UNetInput(registry, $"{name}_conv", channels, width));
            }
            else
            {
                Encode(new UNetBlock(registry, $"{name}_down", options, BlockSide.Encoder, channels, channels, ResampleMode.Down));
            }

            for (int block = 0; block < options.NumBlocks; block++)
            {
                Encode(new UNetBlock(registry, $"{name}_block{block}", options, BlockSide.Encoder, channels, width, attention: options.AttnResolutions.Contains(resolution)));
            }
        }

        return skipChannels;

        void Encode(IUNetModule module)
        {
            encoder.Add(module);
            channels = module.Outputs;
            skipChannels.Add(channels);
        }
    }

    private void BuildDecoder(TensorRegistry registry, List<int> skipChannels)
    {
        var skips = new Stack<int>(skipChannels);
        int channels = options.LevelChannels[^1];
        for (int level = options.LevelChannels.Count - 1; level >= 0; level--)
        {
            var (name, resolution) = Level("dec", level);
            if (level == options.LevelChannels.Count - 1)
            {
                // The middle asks for attention whatever the list of resolutions says.
                decoder.Add(new UNetBlock(registry, $"{name}_in0", options, BlockSide.Decoder, channels, channels, attention: true));
                decoder.Add(new UNetBlock(registry, $"{name}_in1", options, BlockSide.Decoder, channels, channels));
            }
            else
            {
                decoder.Add(new UNetBlock(registry, $"{name}_up", options, BlockSide.Decoder, channels, channels, ResampleMode.Up));
            }

            int width = options.LevelChannels[level];
            for (int block = 0; block <= options.NumBlocks; block++)
            {
                decoder.Add(new UNetBlock(registry, $"{name}_block{block}", options, BlockSide.Decoder, channels + skips.Pop(), width, attention: options.AttnResolutions.Contains(resolution)) { TakesSkip = true });
                channels = width;
            }
        }
    }

    private (string Name, int Resolution) Level(string half, int level)
    {
        int resolution = images.Resolution >> level;
        return ($"{prefix}{half}.{resolution}x{resolution}", resolution);
    }
}

/// <summary>The convolution at the entrance of the encoder.</summary>
internal sealed class UNetInput(TensorRegistry registry, string name, int inputs, int outputs) : IUNetModule
{
    private readonly NormalizedWeight convolution = new(registry, name, inputs, outputs, kernel: 3);

    public string Name => name;

    public int Outputs => outputs;

    public bool TakesSkip => false;

    public Tensor Apply(Tensor x, Tensor emb, ForwardPass pass)
    {
        using var scope = torch.NewDisposeScope();
        return convolution.Apply(x).MoveToOuterDisposeScope();
    }

    public int Count(OperationCounter counter, int resolution)
    {
        convolution.Count(counter, resolution);
        return resolution;
    }
}
