namespace Diffusion.Model.Objectives;

/// <summary>Linear ramp-up, then inverse square root decay (Karras et al., arXiv:2312.02696, Equation 67).</summary>
/// <param name="ReferenceRate">α_ref, the rate between ramp-up and decay.</param>
/// <param name="DecayBatches">t_ref, batches after which the rate decays as 1/√t; 0 for no decay.</param>
/// <param name="RampUpImages">Images over which the rate grows linearly from 0; 0 for no ramp-up.</param>
public readonly record struct LearningRateSchedule(double ReferenceRate, double DecayBatches = 70000, double RampUpImages = 10e6)
{
    /// <summary>The rate of the step that follows.</summary>
    /// <param name="imagesSeen">Images seen before this step; the very first step therefore has rate 0 if there is a ramp-up.</param>
    /// <param name="batchSize">Images per step.</param>
    public double At(long imagesSeen, long batchSize)
    {
        double rate = ReferenceRate;
        if (DecayBatches > 0)
        {
            rate /= Math.Sqrt(Math.Max(imagesSeen / (DecayBatches * batchSize), 1));
        }

        if (RampUpImages > 0)
        {
            rate *= Math.Min(imagesSeen / RampUpImages, 1);
        }

        return rate;
    }
}
