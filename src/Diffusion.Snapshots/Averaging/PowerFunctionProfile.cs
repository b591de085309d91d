namespace Diffusion.Snapshots.Averaging;

/// <summary>Power-function averaging profile, identified by its relative width.</summary>
/// <remarks>
/// Karras et al., arXiv:2312.02696, Section 3 and Appendix C. Weights seen at training time t ∈ [0, T] enter the average with
/// density p(t) = (γ+1)·t^γ / T^(γ+1). Everything here is double precision: the coefficients of a post-hoc solve reach 10² and cancel.
/// </remarks>
public readonly record struct PowerFunctionProfile
{
    /// <summary>Largest accepted σ_rel (exclusive). At σ_rel = √(1/12) ≈ 0.2887 the profile is flat.</summary>
    public const double MaxRelativeStd = 0.289;

    /// <summary>Creates the profile of a relative width.</summary>
    /// <param name="relativeStd">σ_rel, the standard deviation as a fraction of training time, in (0, 0.289).</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="relativeStd"/> is outside (0, 0.289).</exception>
    public PowerFunctionProfile(double relativeStd)
    {
        if (!(relativeStd > 0 && relativeStd < MaxRelativeStd))
        {
            throw new ArgumentOutOfRangeException(nameof(relativeStd), relativeStd,
                $"The EMA length {relativeStd} is not in (0, {MaxRelativeStd}). Lengths are σ_rel, a fraction of training time: 0.05 means 5 %.");
        }

        RelativeStd = relativeStd;
    }

    /// <summary>σ_rel, the profile's standard deviation as a fraction of training time.</summary>
    public double RelativeStd { get; }

    /// <summary>Exponent γ of this profile.</summary>
    /// <remarks>
    /// The largest real root of γ³ + 7γ² + (16 − σ⁻²)γ + (12 − σ⁻²) = 0 (Algorithm 2). 1/σ lies above it and the cubic is convex from
    /// there down to the root, so Newton's steps fall monotonically and stop by themselves when rounding ends the descent.
    /// </remarks>
    public double Exponent
    {
        get
        {
            double tail = 1 / (RelativeStd * RelativeStd);
            double exponent = 1 / RelativeStd;
            while (true)
            {
                double value = ((exponent + 7) * exponent + (16 - tail)) * exponent + (12 - tail);
                double slope = (3 * exponent + 14) * exponent + (16 - tail);
                double next = exponent - value / slope;
                if (!(next < exponent))
                {
                    return exponent;
                }

                exponent = next;
            }
        }
    }

    /// <summary>The profile with exponent <paramref name="exponent"/>.</summary>
    /// <param name="exponent">γ &gt; 0; 0 is the flat profile.</param>
    public static PowerFunctionProfile FromExponent(double exponent) => new(RelativeStdOf(exponent));

    /// <summary>σ_rel = √((γ+1) / ((γ+2)²·(γ+3))).</summary>
    /// <param name="exponent">γ ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="exponent"/> is negative or not a number.</exception>
    /// <remarks>arXiv:2312.02696, Equation 126.</remarks>
    public static double RelativeStdOf(double exponent)
    {
        if (!(exponent >= 0))
        {
            throw new ArgumentOutOfRangeException(nameof(exponent), exponent, "The exponent γ of a power-function profile is at least 0.");
        }

        return Math.Sqrt((exponent + 1) / ((exponent + 2) * (exponent + 2) * (exponent + 3)));
    }

    /// <summary>Decay β = (1 − Δt/t)^(γ+1) that brings this profile up to <paramref name="imagesSeen"/>.</summary>
    /// <param name="imagesSeen">Training time t after the step, in images.</param>
    /// <param name="batchSize">Δt, in images.</param>
    /// <returns>β in [0, 1): the average becomes β·average + (1−β)·weights. Exactly 0 at the first step.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is not in 1…<paramref name="imagesSeen"/>.</exception>
    /// <remarks>arXiv:2312.02696, Equation 127.</remarks>
    public double Beta(long imagesSeen, long batchSize)
    {
        if (batchSize < 1 || batchSize > imagesSeen)
        {
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize,
                $"A step of {batchSize} images cannot end at {imagesSeen} images: the batch is in 1…imagesSeen. Averages read the count after the step.");
        }

        return Math.Pow(1 - batchSize / (double)imagesSeen, Exponent + 1);
    }

    /// <summary>Share of the average at <paramref name="imagesSeen"/> that comes from weights no later than <paramref name="imagesThen"/>.</summary>
    /// <param name="imagesThen">An earlier training time t₀, in images; 0 asks for the weights before training.</param>
    /// <param name="imagesSeen">Training time t of the average, in images.</param>
    /// <returns>(t₀/t)^(γ+1), which is also the product of every β between the two times.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Times are not 0 ≤ <paramref name="imagesThen"/> ≤ <paramref name="imagesSeen"/>, or the latter is 0.</exception>
    public double ShareOfInitialWeights(long imagesThen, long imagesSeen)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(imagesThen);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(imagesSeen);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(imagesThen, imagesSeen);
        return Math.Pow(imagesThen / (double)imagesSeen, Exponent + 1);
    }

    /// <summary>Inner product ∫ p_a(t)·p_b(t) dt of two profiles, each with its own end time.</summary>
    /// <param name="a">First profile.</param>
    /// <param name="endA">End time of <paramref name="a"/>, in images, above 0.</param>
    /// <param name="b">Second profile.</param>
    /// <param name="endB">End time of <paramref name="b"/>, in images, above 0.</param>
    /// <returns>In 1/images.</returns>
    /// <remarks>
    /// arXiv:2312.02696, Appendix C: (γa+1)(γb+1)·(Tm/TM)^γM / ((γa+γb+1)·TM), where Tm ≤ TM are the two ends and γM is the exponent
    /// of the profile that ends later.
    /// </remarks>
    public static double InnerProduct(PowerFunctionProfile a, double endA, PowerFunctionProfile b, double endB)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(endA);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(endB);
        return InnerProduct(a.Exponent, endA, b.Exponent, endB);
    }

    internal static double InnerProduct(double exponentA, double endA, double exponentB, double endB)
    {
        double earlier = Math.Min(endA, endB);
        double later = Math.Max(endA, endB);
        double exponentOfLater = endA > endB ? exponentA : exponentB;
        return (exponentA + 1) * (exponentB + 1) * Math.Pow(earlier / later, exponentOfLater) / ((exponentA + exponentB + 1) * later);
    }

    /// <summary>The profile sampled at the integer times 0…<paramref name="length"/>−1 and divided by its sum, for plots.</summary>
    /// <param name="end">End time T in the same integer units; later samples are 0.</param>
    /// <param name="length">Number of samples, above 0.</param>
    public double[] DiscreteResponse(int end, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(end);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        double exponent = Exponent;
        var response = new double[length];
        double sum = 0;
        for (int t = 0; t < length && t <= end; t++)
        {
            response[t] = Math.Pow(t / (double)end, exponent) * (exponent + 1) / end;
            sum += response[t];
        }

        // All samples can be 0 only where none but t = 0 was asked for.
        for (int t = 0; t < length && sum > 0; t++)
        {
            response[t] /= sum;
        }

        return response;
    }
}
