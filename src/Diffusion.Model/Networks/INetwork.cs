using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;

namespace Diffusion.Model.Networks;

/// <summary>What a network says about a noisy image.</summary>
/// <param name="Denoised">Estimate of the clean image, [N, C, H, W] float32.</param>
/// <param name="LogVariance">Learned uncertainty u of the noise level, [N or 1, 1, 1, 1] float32; null unless asked for.</param>
public readonly record struct DenoiserOutput(Tensor Denoised, Tensor? LogVariance);

/// <summary>The denoiser that is trained, saved and sampled: a backbone inside its preconditioning.</summary>
/// <remarks>Not thread-safe: one instance per training or sampling thread.</remarks>
public interface INetwork : IDisposable
{
    /// <summary>The options it was built from; they are written into every snapshot.</summary>
    ModelOptions Options { get; }

    /// <summary>Channels of the images it takes and returns.</summary>
    int ImageChannels { get; }

    /// <summary>Height and width of the images.</summary>
    int Resolution { get; }

    /// <summary>Length of a label vector; 0 for an unconditional network.</summary>
    int LabelDim { get; }

    /// <summary>Standard deviation σ_data of the images.</summary>
    double SigmaData { get; }

    /// <summary>Smallest noise level the network was made for.</summary>
    double SigmaMin => 0;

    /// <summary>Largest noise level the network was made for.</summary>
    double SigmaMax => double.PositiveInfinity;

    /// <summary>Training mode: dropout is active.</summary>
    bool Training { get; set; }

    /// <summary>Source of dropout masks; required while training with dropout, on the network's device.</summary>
    Generator? DropoutGenerator { get; set; }

    /// <summary>Number format of the image path. Parameters, embeddings, log variance and loss are float32 in every case.</summary>
    ComputePrecision Precision { get; set; }

    /// <summary>Called with the name and output of every module during <see cref="Denoise"/>; the tensor is only valid inside the call.</summary>
    Action<string, Tensor>? ActivationProbe { get; set; }

    /// <summary>Trained tensors in registration order.</summary>
    IReadOnlyList<NetworkParameter> Parameters { get; }

    /// <summary>Fixed tensors in registration order.</summary>
    IReadOnlyList<NetworkBuffer> Buffers { get; }

    /// <summary>Parameters and buffers in the order of the state dictionary, which is also the order of initial random draws.</summary>
    IReadOnlyList<NetworkTensor> StateOrder { get; }

    /// <summary>Estimates the clean images behind noisy ones.</summary>
    /// <param name="x">Noisy images, [N, C, H, W].</param>
    /// <param name="sigma">Noise level of each image, or one for all; any shape of N or 1 elements.</param>
    /// <param name="labels">[N or 1, <see cref="LabelDim"/>]; ignored by an unconditional network. Null makes the label branch zero, which is not a class of its own.</param>
    /// <param name="withLogVariance">Whether to evaluate the uncertainty as well.</param>
    /// <returns>Tensors that belong to the caller's dispose scope.</returns>
    DenoiserOutput Denoise(Tensor x, Tensor sigma, Tensor? labels = null, bool withLogVariance = false);

    /// <summary>
    /// Forced weight normalisation of every weight in place, outside autograd. Once at the start of a training step, before the forwards
    /// of all its micro-batches, so that weights do not depend on how many micro-batches a machine splits its share into.
    /// </summary>
    void NormalizeWeights();

    /// <summary>Counts the operations of <see cref="Denoise"/> for one image; needs no tensors.</summary>
    OperationCounter CountOperations();
}
