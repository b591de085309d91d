using Diffusion.Model.Networks;

namespace Diffusion.Model.Sampling;

/// <summary>How far a sampler is.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Sigma">Noise level reached.</param>
public readonly record struct SamplerProgress(int Step, int Steps, double Sigma);

/// <summary>Turns noise into images.</summary>
public interface ISampler
{
    /// <summary>Samples one batch.</summary>
    /// <param name="network">Network in evaluation mode.</param>
    /// <param name="noise">Standard normal, [N, C, H, W].</param>
    /// <param name="labels">[N, LabelDim], or null.</param>
    /// <param name="guide">Guiding network; needed if guidance is asked for.</param>
    /// <param name="randnLike">Standard normal tensors of the given one's shape and type, for samplers that add noise on the way.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellationToken">Checked before each step.</param>
    /// <returns>Images as the network sees them, in the sampler's state type; they belong to the caller's dispose scope.</returns>
    Tensor Sample(INetwork network, Tensor noise, Tensor? labels, INetwork? guide = null, Func<Tensor, Tensor>? randnLike = null, IProgress<SamplerProgress>? progress = null, CancellationToken cancellationToken = default);
}

/// <summary>Second-order sampling of the probability-flow ODE, with optional churn and guidance (Karras et al., arXiv:2206.00364, Algorithm 2; arXiv:2406.02507).</summary>
public sealed class HeunSampler : ISampler
{
    private readonly HeunOptions options;

    /// <summary>A sampler with the given options.</summary>
    /// <exception cref="ArgumentException">The options have problems.</exception>
    public HeunSampler(HeunOptions options)
    {
        var problems = options.Problems().ToArray();
        if (problems.Length > 0)
        {
            throw new ArgumentException(string.Join(" ", problems), nameof(options));
        }

        this.options = options;
    }

    /// <summary>Samples one batch; see <see cref="ISampler.Sample"/>.</summary>
    public static Tensor Sample(INetwork network, Tensor noise, Tensor? labels, HeunOptions options, INetwork? guide = null, Func<Tensor, Tensor>? randnLike = null, IProgress<SamplerProgress>? progress = null, CancellationToken cancellationToken = default)
        => new HeunSampler(options).Sample(network, noise, labels, guide, randnLike, progress, cancellationToken);

    /// <summary>Time steps t_0 … t_N, the last one 0, in the state's precision (arXiv:2206.00364, Equation 5).</summary>
    public static IReadOnlyList<double> TimeSteps(HeunOptions options)
    {
        using var guard = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        double first = Math.Pow(options.SigmaMax, 1 / options.Rho), last = Math.Pow(options.SigmaMin, 1 / options.Rho);

        // By tensor operations, so that single precision rounds where the published sampler rounds.
        var grid = torch.arange(options.Steps, dtype: options.StateType).div(options.Steps - 1).mul(last - first).add(first).pow(options.Rho);
        return [.. grid.to(ScalarType.Float64).data<double>().ToArray(), 0];
    }

    /// <inheritdoc/>
    public Tensor Sample(INetwork network, Tensor noise, Tensor? labels, INetwork? guide = null, Func<Tensor, Tensor>? randnLike = null, IProgress<SamplerProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        if (options.Guidance == 1)
        {
            return Sample((x, sigma) => network.Denoise(x, sigma, labels).Denoised, noise, randnLike, progress, cancellationToken);
        }

        if (guide is null)
        {
            throw new ArgumentNullException(nameof(guide), $"guidance is {options.Guidance}, which needs a guiding network. Give one, or set guidance to 1.");
        }

        return Sample(
            (x, sigma) =>
            {
                var denoised = network.Denoise(x, sigma, labels).Denoised.to(options.StateType);
                var guiding = guide.Denoise(x, sigma, labels).Denoised.to(options.StateType);
                return guiding.add(denoised.sub(guiding).mul(options.Guidance));
            },
            noise,
            randnLike,
            progress,
            cancellationToken);
    }

    /// <summary>Samples with any denoiser.</summary>
    /// <param name="denoise">Clean images from noisy ones and their noise level (one element).</param>
    /// <param name="noise">Standard normal, [N, C, H, W].</param>
    /// <param name="randnLike">Needed if there is churn.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellationToken">Checked before each step.</param>
    public Tensor Sample(Func<Tensor, Tensor, Tensor> denoise, Tensor noise, Func<Tensor, Tensor>? randnLike = null, IProgress<SamplerProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var guard = torch.no_grad();
        var times = TimeSteps(options);
        var x = Start(noise, times[0]);
        for (int step = 0; step < options.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using (torch.NewDisposeScope())
            {
                var next = Step(denoise, x, step, times, randnLike).MoveToOuterDisposeScope();
                x.Dispose();
                x = next;
            }

            progress?.Report(new SamplerProgress(step + 1, options.Steps, times[step + 1]));
        }

        return x;
    }

    private Tensor Start(Tensor noise, double sigma)
    {
        using var scope = torch.NewDisposeScope();
        return noise.to(options.StateType).mul(sigma).MoveToOuterDisposeScope();
    }

    private Tensor Step(Func<Tensor, Tensor, Tensor> denoise, Tensor x, int step, IReadOnlyList<double> times, Func<Tensor, Tensor>? randnLike)
    {
        double current = times[step], next = times[step + 1];

        // 1. Churn: a little more noise than the state has. No random numbers are drawn where there is none.
        if (options.SChurn > 0 && current >= options.SMin && current <= options.SMax)
        {
            double gamma = Math.Min(options.SChurn / options.Steps, Math.Sqrt(2) - 1);
            double raised = Round(current + Round(gamma * current));
            double added = Round(Math.Sqrt(Round(Round(raised * raised) - Round(current * current))));
            var draw = randnLike ?? throw new ArgumentNullException(nameof(randnLike), $"sChurn is {options.SChurn}, which needs a source of noise. Give one, or set sChurn to 0.");
            x = x.add(draw(x).to(x.dtype).mul(Round(added * options.SNoise)));
            current = raised;
        }

        // 2. Euler step to the next noise level.
        var slope = x.sub(Denoise(denoise, x, current)).div(current);
        var euler = x.add(slope.mul(Round(next - current)));
        if (step == options.Steps - 1)
        {
            return euler;
        }

        // 3. Heun's correction: the mean of the slopes at both ends.
        var slopeThere = euler.sub(Denoise(denoise, euler, next)).div(next);
        return x.add(slope.mul(0.5).add(slopeThere.mul(0.5)).mul(Round(next - current)));
    }

    private Tensor Denoise(Func<Tensor, Tensor, Tensor> denoise, Tensor x, double sigma)
        => denoise(x, torch.full([1], sigma, dtype: options.StateType, device: x.device)).to(options.StateType);

    private double Round(double value) => options.State == StatePrecision.Float64 ? value : (float)value;
}
