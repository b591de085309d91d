using Diffusion.Contracts.Configuration;
using Diffusion.Gpu;

// diffusion-gpu CHECK [--KEY VALUE]...: one line a result, columns separated by tabs; see README.md.
try
{
    var options = new Options(args.Skip(1));
    if (args.FirstOrDefault() == NcclCommand.MemberVerb)
    {
        return NcclCommand.Serve(options);
    }

    IEnumerable<CheckResult> results = args.FirstOrDefault() switch
    {
        "ranks" => RanksCheck.Run(options),
        "overfit" => OverfitCheck.Run(options),
        "nccl" => NcclCommand.Run(options),
        "step" => StepMeasurement.Run(options),
        _ => throw new ConfigurationException("Checks: ranks, overfit, nccl, step. See tests/gpu/README.md for their options."),
    };
    bool passed = true;
    foreach (var result in results)
    {
        Console.WriteLine(result);
        passed &= result.Verdict != Verdict.Failed;
    }

    return passed ? 0 : 1;
}
catch (ConfigurationException e)
{
    Console.Error.WriteLine($"diffusion-gpu: {e.Message}");
    return 2;
}
