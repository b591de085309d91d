using System.Runtime.InteropServices;

namespace Diffusion.Native;

/// <summary>Scalars of an Adam step as the kernels take them: dn::Adam of native/kernels.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AdamArguments
{
    public float GradientScale;
    public float Beta1;
    public float OneMinusBeta1;
    public float Beta2;
    public float OneMinusBeta2;
    public float StepSize;
    public float RootCorrection2;
    public float Epsilon;
    public int ReplaceNonFinite;
    public int ZeroGradients;

    public static AdamArguments Of(AdamStep step) => new()
    {
        GradientScale = (float)step.GradientScale,
        Beta1 = (float)step.Beta1,
        OneMinusBeta1 = (float)(1 - step.Beta1),
        Beta2 = (float)step.Beta2,
        OneMinusBeta2 = (float)(1 - step.Beta2),
        StepSize = (float)step.StepSize,
        RootCorrection2 = (float)step.RootCorrection2,
        Epsilon = (float)step.Epsilon,
        ReplaceNonFinite = step.ReplaceNonFinite ? 1 : 0,
        ZeroGradients = step.ZeroGradients ? 1 : 0,
    };
}
