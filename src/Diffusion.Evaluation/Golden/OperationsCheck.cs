using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Diffusion.Model.Encoding;
using Diffusion.Model.Layers;

namespace Diffusion.Evaluation.Golden;

/// <summary>Magnitude-preserving operations and encoders, one by one.</summary>
internal sealed partial class OperationsCheck : IGoldenCheck
{
    private const double Tolerance = 1e-5;

    public string Kind => "edm2_ops";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
        => [.. (golden.Json["cases"]?.AsArray() ?? []).OfType<JsonObject>().SelectMany((item, i) => GoldenParts.Guarded(golden, item["out"]?.ToString() ?? $"cases[{i}]", () => Run(golden, item)))];

    private static IEnumerable<GoldenResult> Run(GoldenCase golden, JsonObject item)
    {
        string output = item["out"]!.GetValue<string>();
        return item["op"]!.GetValue<string>() switch
        {
            "normalize" => One(golden, output, ["input"], item, x => MagnitudePreserving.Normalize(x[0], Dims(item["dims"]), item["eps"]?.GetValue<double>() ?? MagnitudePreserving.Epsilon)),
            "mp_silu" => One(golden, output, ["input"], item, x => MagnitudePreserving.Silu(x[0])),
            "mp_sum" => One(golden, output, ["a", "b"], item, x => MagnitudePreserving.Sum(x[0], x[1], Balance(item))),
            "mp_cat" => One(golden, output, ["a", "b"], item, x => CatAlong(x[0], x[1], Balance(item), item["dim"]?.GetValue<int>() ?? 1)),
            "MPFourier" => Fourier(golden, output, item),
            "MPConv" => Layer(golden, output.TrimEnd('*', '.'), item),
            "resample" => One(golden, output, ["input"], item, x => MagnitudePreserving.Resample(x[0], Filter(item), Mode(item))),
            "StandardRGBEncoder" => Pixels(golden, output.TrimEnd('*', '.')),
            "StabilityVAEEncoder.encode_latents" => One(golden, output, ["input", "noise"], item, x => LatentEncoder.Encode(x[0], x[1])),
            var unknown => [GoldenResult.Skip(golden.Name, output, $"no check for operation {unknown}")],
        };
    }

    private static IEnumerable<GoldenResult> One(GoldenCase golden, string output, string[] inputs, JsonObject item, Func<Tensor[], Tensor> compute)
    {
        string[] names = [.. inputs.Select(key => item[key]!.GetValue<string>())];
        if (golden.Has([output, .. names]))
        {
            yield return golden.CompareScaled(compute([.. names.Select(golden.Tensor)]), output, Tolerance);
        }
    }

    private static IEnumerable<GoldenResult> Fourier(GoldenCase golden, string output, JsonObject item)
    {
        string input = item["input"]!.GetValue<string>();
        string[] buffers = [.. item["buffers"]!.AsArray().Select(name => name!.GetValue<string>())];
        if (golden.Has([output, input, .. buffers]))
        {
            yield return golden.CompareScaled(MagnitudePreserving.Fourier(golden.Tensor(input), golden.Tensor(buffers[0]), golden.Tensor(buffers[1])), output, Tolerance);
        }
    }

    private static IEnumerable<GoldenResult> Layer(GoldenCase golden, string prefix, JsonObject item)
    {
        if (!golden.Has($"{prefix}.weight", $"{prefix}.x"))
        {
            yield break;
        }

        foreach (string gain in golden.Under($"{prefix}.eval.gain"))
        {
            var factor = torch.tensor(float.Parse(gain, CultureInfo.InvariantCulture)).to(golden.Device);
            yield return golden.CompareScaled(MagnitudePreserving.Linear(golden.Tensor($"{prefix}.x"), golden.Tensor($"{prefix}.weight"), factor), $"{prefix}.eval.gain{gain}", Tolerance);
        }

        var weight = golden.Tensor($"{prefix}.weight");
        MagnitudePreserving.NormalizeInPlace(weight);
        var trained = weight.requires_grad_();
        var x = golden.Tensor($"{prefix}.x").requires_grad_();
        var trainGain = torch.tensor(TrainGain(item)).to(golden.Device).requires_grad_();
        var output = MagnitudePreserving.Linear(x, trained, trainGain);
        if (golden.Has($"{prefix}.cotangent"))
        {
            output.mul(golden.Tensor($"{prefix}.cotangent")).sum().backward();
        }

        var computed = new Dictionary<string, Tensor?>
        {
            ["out"] = output,
            ["weight_after"] = trained,
            ["grad_weight"] = trained.grad,
            ["grad_gain"] = trainGain.grad,
            ["grad_x"] = x.grad,
        };
        foreach (var (part, value) in computed)
        {
            string name = $"{prefix}.train.{part}";
            if (golden.Has(name))
            {
                yield return golden.CompareScaled(value, name, Tolerance);
            }
        }
    }

    private static IEnumerable<GoldenResult> Pixels(GoldenCase golden, string prefix)
    {
        if (golden.Has($"{prefix}.u8", $"{prefix}.encoded"))
        {
            yield return golden.CompareScaled(PixelEncoder.Encode(golden.Tensor($"{prefix}.u8")), $"{prefix}.encoded", Tolerance);
        }

        if (golden.Has($"{prefix}.float", $"{prefix}.decoded"))
        {
            yield return golden.Compare(PixelEncoder.Decode(golden.Tensor($"{prefix}.float")), $"{prefix}.decoded", 0);
        }
    }

    private static Tensor CatAlong(Tensor a, Tensor b, double t, int dim)
        => dim == 1 ? MagnitudePreserving.Cat(a, b, t) : MagnitudePreserving.Cat(a.transpose(1, dim), b.transpose(1, dim), t).transpose(1, dim);

    private static long[]? Dims(JsonNode? dims) => dims is JsonArray list ? [.. list.Select(dim => dim!.GetValue<long>())] : null;

    private static double Balance(JsonObject item) => item["t"]?.GetValue<double>() ?? 0.5;

    private static double[] Filter(JsonObject item) => [.. item["filter"]!.AsArray().Select(tap => tap!.GetValue<double>())];

    private static ResampleMode Mode(JsonObject item) => Enum.Parse<ResampleMode>(item["mode"]!.GetValue<string>(), ignoreCase: true);

    private static float TrainGain(JsonObject item)
    {
        // The gain of the training pass stands in the note, in words.
        var match = GainInWords().Match(item["note"]?.GetValue<string>() ?? "");
        return match.Success ? float.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0.7f;
    }

    [GeneratedRegex(@"gain\s+([0-9]+(?:\.[0-9]+)?)")]
    private static partial Regex GainInWords();
}
