using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;
using Diffusion.Model.Layers;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Preconditioning;

/// <summary>EDM2's preconditioning around a backbone, with the learned log variance of the uncertainty loss: what is trained, saved and sampled.</summary>
internal sealed class Preconditioner : INetwork
{
    private readonly PreconditionerOptions options;
    private readonly IBackbone backbone;
    private readonly FourierFeatures logVarianceFeatures;
    private readonly NormalizedWeight logVariance;

    /// <summary>Builds the network without allocating a tensor; <see cref="NetworkState.Initialize"/> or <see cref="NetworkState.LoadState"/> fill it.</summary>
    public Preconditioner(ModelOptions model, PreconditionerOptions options, BackboneFactory createBackbone)
    {
        Options = model;
        this.options = options;
        var registry = new TensorRegistry();
        backbone = createBackbone(registry, "unet.");
        logVarianceFeatures = new FourierFeatures(registry, "logvar_fourier", options.LogvarChannels);
        logVariance = new NormalizedWeight(registry, "logvar_linear", options.LogvarChannels, 1, kernel: 0);
        StateOrder = registry.All;
        Parameters = [.. StateOrder.OfType<NetworkParameter>()];
        Buffers = [.. StateOrder.OfType<NetworkBuffer>()];
    }

    public ModelOptions Options { get; }

    public int ImageChannels => Options.Images.Channels;

    public int Resolution => Options.Images.Resolution;

    public int LabelDim => Options.Images.LabelDim;

    public double SigmaData => options.SigmaData;

    public bool Training { get; set; }

    public Generator? DropoutGenerator { get; set; }

    public ComputePrecision Precision { get; set; }

    public Action<string, Tensor>? ActivationProbe { get; set; }

    public IReadOnlyList<NetworkParameter> Parameters { get; }

    public IReadOnlyList<NetworkBuffer> Buffers { get; }

    public IReadOnlyList<NetworkTensor> StateOrder { get; }

    public DenoiserOutput Denoise(Tensor x, Tensor sigma, Tensor? labels = null, bool withLogVariance = false)
    {
        using var scope = torch.NewDisposeScope();
        x = x.to(ScalarType.Float32);
        sigma = sigma.to(ScalarType.Float32).reshape(-1, 1, 1, 1);
        labels = Labels(labels, x.device);
        var pass = new ForwardPass(Training, DropoutGenerator, ActivationProbe);

        var scaling = Scaling.Edm(sigma, options.SigmaData);
        var prediction = backbone.Apply(x.mul(scaling.In).to(ImageType(x.device)), scaling.Noise, labels, pass);
        var denoised = x.mul(scaling.Skip).add(prediction.to(ScalarType.Float32).mul(scaling.Out));
        var uncertainty = withLogVariance ? LogVariance(scaling.Noise, pass) : null;
        return new DenoiserOutput(denoised.MoveToOuterDisposeScope(), uncertainty?.MoveToOuterDisposeScope());
    }

    public void NormalizeWeights() => MagnitudePreserving.NormalizeInPlace([.. Parameters.Where(parameter => parameter.IsNormalized).Select(parameter => parameter.Value)]);

    public OperationCounter CountOperations()
    {
        var counter = new OperationCounter();
        backbone.Count(counter);

        // c_in·x, c_skip·x + c_out·F.
        counter.Arithmetic(4L * ImageChannels * Resolution * Resolution);
        return counter;
    }

    public void Dispose()
    {
        foreach (var place in StateOrder)
        {
            place.Release();
        }
    }

    private Tensor LogVariance(Tensor noiseLabels, ForwardPass pass)
    {
        var features = pass.Report(logVarianceFeatures.Name, logVarianceFeatures.Apply(noiseLabels));
        return pass.Report(logVariance.Name, logVariance.Apply(features)).reshape(-1, 1, 1, 1);
    }

    private Tensor? Labels(Tensor? labels, Device device)
    {
        if (LabelDim == 0)
        {
            return null;
        }

        // No labels is not a class of its own: the label branch becomes zero, and the noise embedding shrinks accordingly.
        return labels is null
            ? torch.zeros([1, LabelDim], dtype: ScalarType.Float32, device: device)
            : labels.to(ScalarType.Float32).reshape(-1, LabelDim);
    }

    private ScalarType ImageType(Device device) => Precision switch
    {
        ComputePrecision.Float16 when device.type == DeviceType.CPU
            => throw new InvalidOperationException("precision is float16 on the CPU, which has no fast half arithmetic. Use float32 or bfloat16."),
        ComputePrecision.Float16 => ScalarType.Float16,
        ComputePrecision.BFloat16 => ScalarType.BFloat16,
        _ => ScalarType.Float32,
    };
}
