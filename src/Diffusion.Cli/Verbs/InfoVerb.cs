using System.CommandLine;
using System.Globalization;
using Diffusion.Cli.Display;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Costs;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Averaging;

namespace Diffusion.Cli.Verbs;

/// <summary>What a preset is: its configuration, size and cost.</summary>
internal static class InfoVerb
{
    public static Command Create()
    {
        var preset = new Option<string?>("--preset") { Description = "Name of a configuration [default: list all]", HelpName = "NAME" };
        var command = new Command("info", HelpText.With("List the presets, or show one: configuration, parameters, operations, memory, published result.", ["info", "info --preset edm2-img512-xs"])) { preset };
        command.SetAction(result => result.GetValue(preset) is { } name ? Show(name) : List());
        return command;
    }

    private static int List()
    {
        Console.WriteLine(Row("preset", "parameters", "Gflop/image", "batch", "duration", "published"));
        foreach (string name in RunPresets.Names)
        {
            var config = RunPresets.Get(name);
            var estimate = NetworkEstimate.Of(NetworkPresets.Get(name));
            Console.WriteLine(Row(name, Millions(estimate.Parameters), Giga(estimate.Operations.Total), ImageCount.Format(config.Training.BatchSize), ImageCount.Format(config.Training.DurationImages), RunPresets.ExpectedMetric(name) ?? ""));
        }

        return ExitCode.Done;
    }

    private static int Show(string name)
    {
        var config = RunPresets.Get(name);
        var model = NetworkPresets.Get(name);
        var estimate = NetworkEstimate.Of(model);
        ConfigTable.Print(config);
        int averages = config.Averaging.RelativeStds.Count + config.Averaging.HalfLivesImages.Count;
        Console.WriteLine();
        Console.WriteLine($"images           {model.Images.Channels}x{model.Images.Resolution}x{model.Images.Resolution}, {model.Images.LabelDim} classes");
        Console.WriteLine($"parameters       {Millions(estimate.Parameters)}");
        Console.WriteLine($"one evaluation   {Giga(estimate.Operations.Total)} Gflop per image; a training step takes about three times as many");
        Console.WriteLine($"training state   {Megabytes(estimate.TrainingStateBytes(averages))} on each device (weights, gradient, Adam, {averages} averages)");
        Console.WriteLine($"activations      {Megabytes(estimate.ActivationBytesPerImage(config.Training.Precision))} per image at least");
        Console.WriteLine($"snapshot         {Megabytes(estimate.SnapshotBytes(config.Averaging.Precision == SnapshotPrecision.Float16 ? 2 : 4))} per average");
        double exaflop = 3.0 * estimate.Operations.Total * config.Training.DurationImages / 1e18;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"whole run        {exaflop:g3} exaflop (multiply-adds counted as one)"));
        Console.WriteLine($"published        {RunPresets.ExpectedMetric(name) ?? "nothing for this configuration"}");
        long end = config.Training.DurationImages, ramp = Math.Min(config.Training.RampUpImages, end);
        foreach (double length in config.Averaging.RelativeStds)
        {
            var profile = new PowerFunctionProfile(length);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"length {length,-10:0.000}{profile.ShareOfInitialWeights(0, end):P2} initial weights at the end, {profile.ShareOfInitialWeights(ramp, end):0.0e+0} from before the learning rate is up; half of it from the last {1 - Math.Pow(0.5, 1 / (profile.Exponent + 1)):P1} of the run"));
        }

        foreach (string remark in Model.ModelParts.Remarks(model))
        {
            Console.WriteLine($"remark           {remark}");
        }

        return ExitCode.Done;
    }

    private static string Row(string name, string parameters, string operations, string batch, string duration, string published) =>
        $"{name,-18}{parameters,12}{operations,14}{batch,8}{duration,12}  {published}".TrimEnd();

    private static string Millions(double value) => string.Create(CultureInfo.InvariantCulture, $"{value / 1e6:0.00} M");

    private static string Giga(double value) => string.Create(CultureInfo.InvariantCulture, $"{value / 1e9:0.000}");

    private static string Megabytes(double value) => string.Create(CultureInfo.InvariantCulture, $"{value / 1e6:0.0} MB");
}
