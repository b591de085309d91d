using System.Text.Json.Nodes;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Evaluation.Golden;

/// <summary>Post-hoc reconstruction through files: recorded snapshots are written, reconstructed, and read again.</summary>
internal sealed class ReconstructionCheck : IGoldenCheck
{
    private const double CoefficientTolerance = 1e-7;
    private static readonly string[] Known = ["inputs", "coefs", "used_inputs", "out_nimg", "out_std", "outputs", "buffers"];
    private static readonly string[] BufferEndings = [".freqs", ".phases", ".resample_filter", "buffer"];

    public string Kind => "phema_reconstruct";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
        => [.. GoldenParts.Guarded(golden, "inputs", () => Reconstruct(golden)),
            .. GoldenParts.Of(golden.Json).Where(part => !Known.Contains(part.Key)).Select(part => GoldenResult.Skip(golden.Name, part.Key, "no check for this part"))];

    private static List<GoldenResult> Reconstruct(GoldenCase golden)
    {
        if (golden.Json["inputs"] is not JsonArray inputs || golden.Json["out_std"] is null)
        {
            return [GoldenResult.Skip(golden.Name, "inputs", "no inputs or no lengths were recorded")];
        }

        using var folder = new TemporaryFolder();
        var stems = inputs.OfType<JsonObject>().Select(input => Stem(input.Text("file"))).ToArray();
        var outputStems = golden.Json["outputs"] is null ? [] : golden.Json.Texts("outputs").Select(Stem).ToArray();
        var buffers = Buffers(golden, [.. stems, .. outputStems]);
        var written = inputs.OfType<JsonObject>().Select((input, i) => (Path: Write(golden, input, stems[i], buffers, folder[$"{i}"]), File: input.Text("file"))).ToDictionary(pair => pair.Path, pair => pair.File);

        using var set = SnapshotSet.Open(written.Keys);
        double[] lengths = golden.Json.Numbers("out_std");
        long[] time = golden.Json["out_nimg"] is null ? [] : [golden.Json.Integer("out_nimg")];
        var plan = PostHocReconstruction.Plan(set, lengths, time);
        var outputs = lengths.Select(length => plan.Outputs.Single(output => output.Target.RelativeStd == length)).ToList();
        var results = new List<GoldenResult>();
        if (golden.Json.ContainsKey("used_inputs"))
        {
            results.Add(GoldenParts.SameList(golden, "used_inputs", set.Paths.Take(outputs[0].InputCount).Select(path => written[path]), golden.Json.Texts("used_inputs")));
        }

        if (golden.Json.ContainsKey("coefs"))
        {
            results.AddRange(GoldenParts.Guarded(golden, "coefs", () =>
                [GoldenResult.Compare(golden.Name, "coefs", PhemaCheck.CoefficientError([.. outputs.Select(output => output.Solution)], PhemaCheck.Coefficients(golden.Json, lengths.Length)), CoefficientTolerance)]));
        }

        if (golden.Json.ContainsKey("outputs"))
        {
            results.Add(GoldenParts.SameList(golden, "outputs", outputs.Select(output => NameOf(output, outputStems)), outputStems));
        }

        // As many bits as were recorded.
        bool single = outputStems.SelectMany(stem => golden.Under(stem + ".").Select(name => golden.Entry($"{stem}.{name}").ElementType)).Any(type => type == ElementType.Float32);
        plan.Run(folder["out"], new ReconstructionOptions { ElementType = single ? ElementType.Float32 : ElementType.Float16 });
        foreach (var (output, stem) in outputs.Zip(outputStems))
        {
            using var found = SafetensorsFile.Open(folder["out", SnapshotName.For(SnapshotName.PostHoc, output.Target.ImagesSeen, output.Target.RelativeStd).FileName]);
            results.AddRange(golden.Under(stem + ".").SelectMany(name => GoldenParts.Guarded(golden, $"{stem}.{name}", () => [Compare(golden, found, output, stem, name, stems)])));
        }

        return results;
    }

    private static string Write(GoldenCase golden, JsonObject input, string stem, HashSet<string> buffers, string directory)
    {
        Directory.CreateDirectory(directory);
        var names = golden.Under(stem + ".").ToArray();
        var info = new SnapshotInfo { RunId = golden.Name, ImagesSeen = input.Integer("nimg"), RelativeStd = input.Number("std") };

        // Without recorded weights there are still coefficients to compare.
        var tensors = names.Length == 0 ? [new SnapshotTensor("none", [1])] : names.Select(name => new SnapshotTensor(name, golden.Entry($"{stem}.{name}").Shape, buffers.Contains(name))).ToArray();
        bool half = names.All(name => golden.Entry($"{stem}.{name}").ElementType == ElementType.Float16);
        var entry = new SnapshotWriter(directory, elementType: half ? ElementType.Float16 : ElementType.Float32)
            .Write(info, tensors, index => names.Length == 0 ? new float[1] : golden.Values($"{stem}.{names[index]}"));
        return Path.Combine(directory, entry.File);
    }

    /// <summary>
    /// Tensors that are copied and not averaged: those listed, else those missing where only parameters were recorded (a tensor set of another
    /// name than any snapshot's), else those that the field's names say.
    /// </summary>
    private static HashSet<string> Buffers(GoldenCase golden, string[] stems)
    {
        if (golden.Json["buffers"] is not null)
        {
            return [.. golden.Json.Texts("buffers")];
        }

        var names = stems.SelectMany(stem => golden.Under(stem + ".")).ToHashSet();
        var others = golden.TensorNames.Where(name => !stems.Any(stem => name.StartsWith(stem + ".", StringComparison.Ordinal)))
            .Select(name => name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..]).Where(names.Contains).ToHashSet();
        return [.. names.Where(name => others.Count > 0 ? !others.Contains(name) : BufferEndings.Any(ending => name.EndsWith(ending, StringComparison.Ordinal)))];
    }

    /// <summary>
    /// In steps of the recorded type at each value; where terms cancel, the float32 sum over snapshots is what rounds. One step is allowed: the
    /// coefficients of two solvers differ in the last digits.
    /// </summary>
    private static GoldenResult Compare(GoldenCase golden, SafetensorsFile found, PlannedReconstruction output, string stem, string name, string[] inputs)
    {
        string part = $"{stem}.{name}";
        float[] expected = golden.Values(part), actual = found.Float32(name);
        if (!found.Entry(name).Shape.SequenceEqual(golden.Entry(part).Shape))
        {
            return new GoldenResult(golden.Name, part, double.NaN, 1, GoldenVerdict.Failed, $"shape is [{string.Join(", ", found.Entry(name).Shape)}], not [{string.Join(", ", golden.Entry(part).Shape)}]");
        }

        int digits = golden.Entry(part).ElementType == ElementType.Float16 ? 10 : 23;
        float largestInput = inputs.SelectMany(input => golden.Has($"{input}.{name}") ? golden.Values($"{input}.{name}") : []).Select(Math.Abs).DefaultIfEmpty(0).Max();
        double rounding = Math.ScaleB(output.Solution.Coefficients.Sum(Math.Abs) * largestInput, -22);
        double error = GoldenParts.Largest([.. actual.Select(value => (double)value)], [.. expected.Select(value => (double)value)],
            (value, wanted) => Math.Abs(value - wanted) / Math.Max(rounding, Math.ScaleB(1, Math.Max(wanted == 0 ? int.MinValue : Math.ILogB(wanted), digits == 10 ? -14 : -126) - digits)));
        return GoldenResult.Compare(golden.Name, part, error, 1);
    }

    private static string NameOf(PlannedReconstruction output, string[] recorded)
    {
        string prefix = recorded.Select(stem => SnapshotName.TryParse(stem + SnapshotName.Extension, out var name) ? name.Prefix : null).OfType<string>().FirstOrDefault(SnapshotName.PostHoc);
        return Stem(SnapshotName.For(prefix, output.Target.ImagesSeen, output.Target.RelativeStd).FileName);
    }

    /// <summary>A file name without its extension; the digits after the last point are none.</summary>
    private static string Stem(string file) => Path.GetExtension(file).Skip(1).All(char.IsAsciiDigit) ? file : Path.GetFileNameWithoutExtension(file);
}
