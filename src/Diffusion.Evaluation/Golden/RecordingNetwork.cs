using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;
using Diffusion.Model.Networks;

namespace Diffusion.Evaluation.Golden;

/// <summary>A network that tells what it was asked and what it answered; the network itself stays its owner's.</summary>
internal sealed class RecordingNetwork(INetwork network, Action<Tensor, double, Tensor> record) : INetwork
{
    public ModelOptions Options => network.Options;

    public int ImageChannels => network.ImageChannels;

    public int Resolution => network.Resolution;

    public int LabelDim => network.LabelDim;

    public double SigmaData => network.SigmaData;

    public bool Training { get => network.Training; set => network.Training = value; }

    public Generator? DropoutGenerator { get => network.DropoutGenerator; set => network.DropoutGenerator = value; }

    public ComputePrecision Precision { get => network.Precision; set => network.Precision = value; }

    public Action<string, Tensor>? ActivationProbe { get => network.ActivationProbe; set => network.ActivationProbe = value; }

    public IReadOnlyList<NetworkParameter> Parameters => network.Parameters;

    public IReadOnlyList<NetworkBuffer> Buffers => network.Buffers;

    public IReadOnlyList<NetworkTensor> StateOrder => network.StateOrder;

    public DenoiserOutput Denoise(Tensor x, Tensor sigma, Tensor? labels = null, bool withLogVariance = false)
    {
        var output = network.Denoise(x, sigma, labels, withLogVariance);
        record(x, sigma.to(TorchSharp.torch.ScalarType.Float64).item<double>(), output.Denoised);
        return output;
    }

    public void NormalizeWeights() => network.NormalizeWeights();

    public OperationCounter CountOperations() => network.CountOperations();

    public void Dispose()
    {
    }
}
