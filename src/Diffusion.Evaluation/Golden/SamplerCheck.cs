using System.Globalization;
using System.Text.Json.Nodes;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;

namespace Diffusion.Evaluation.Golden;

/// <summary>Sampling with recorded noise: deterministic, with churn, with guidance, in either precision.</summary>
internal sealed class SamplerCheck : IGoldenCheck
{
    private const double Tolerance = 2e-5;

    public string Kind => "edm2_sampler";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
    {
        var items = (golden.Json["cases"] as JsonArray ?? []).OfType<JsonObject>();
        return [.. items.SelectMany((item, i) => GoldenParts.Guarded(golden, item["tag"]?.ToString() ?? $"cases[{i}]", () => Run(golden, library, item)))];
    }

    private static List<GoldenResult> Run(GoldenCase golden, GoldenLibrary library, JsonObject item)
    {
        string tag = item["tag"]!.GetValue<string>(), letter = tag.Split('.')[0];
        if (!golden.Has($"{letter}.noise", $"{tag}.out"))
        {
            return [GoldenResult.Skip(golden.Name, tag, "no noise or no output was recorded")];
        }

        using var scope = torch.NewDisposeScope();
        bool guided = item["guided"]?.GetValue<bool>() ?? false;
        using var network = Load(golden, library, item, letter);
        using var guide = guided ? Load(golden, library, item, "guide") : null;
        if (network is null || (guided && guide is null))
        {
            return [GoldenResult.Skip(golden.Name, tag, "the networks it refers to were not recorded")];
        }

        var calls = new List<(double Sigma, Tensor X, Tensor Denoised)>();
        var options = Options(item["args"] as JsonObject ?? []);
        var labels = golden.TensorOrNull($"{letter}.labels");
        int draws = 0;
        Tensor NextNoise(Tensor like) => golden.Tensor($"{tag}.churn_noise")[draws++].reshape(like.shape);

        var recorder = new RecordingNetwork(network, (x, sigma, denoised) => calls.Add((sigma, x.clone().DetachFromDisposeScope(), denoised.clone().DetachFromDisposeScope())));
        var images = HeunSampler.Sample(recorder, golden.Tensor($"{letter}.noise"), labels, options, guide, NextNoise);
        var results = new List<GoldenResult> { golden.CompareScaled(images, $"{tag}.out", Math.Max(Tolerance, 4 * (item["noise_estimate_max_abs"]?.GetValue<double>() ?? 0))) };
        if (item["draws"] is { } expectedDraws)
        {
            results.Add(GoldenResult.Compare(golden.Name, $"{tag}.draws", Math.Abs(draws - expectedDraws.GetValue<int>()), 0));
        }

        if (item["network_calls"] is { } expectedCalls)
        {
            results.Add(GoldenResult.Compare(golden.Name, $"{tag}.network_calls", Math.Abs(calls.Count - expectedCalls.GetValue<int>()), 0));
        }

        if (golden.Has($"{tag}.call_sigma"))
        {
            results.Add(golden.CompareScaled(torch.tensor(calls.Select(call => call.Sigma).ToArray()), $"{tag}.call_sigma", 1e-6));
        }

        for (int call = 0; call < calls.Count; call++)
        {
            foreach (var (part, value) in new[] { ("x", calls[call].X), ("D", calls[call].Denoised) })
            {
                if (golden.Has($"{tag}.call{call}.{part}"))
                {
                    results.Add(golden.CompareScaled(value, $"{tag}.call{call}.{part}", Tolerance));
                }

                value.Dispose();
            }
        }

        return results;
    }

    /// <summary>The network that a letter (or the word guide) stands for: its configuration and state are in this case or in another one that is named.</summary>
    private static INetwork? Load(GoldenCase golden, GoldenLibrary library, JsonObject item, string role)
    {
        var networks = golden.Json["networks"] as JsonObject ?? [];
        string description = Words(networks[role]) ?? Words(item[role]) ?? role;
        string[] words = description.Split([' ', ',', ';', '(', ')'], StringSplitOptions.RemoveEmptyEntries);
        var source = words.Select(library.Find).FirstOrDefault(found => found is not null);
        var config = (item[role == "guide" ? "guiding_network_config" : "network_config"]
            ?? golden.Json[role == "guide" ? "guiding_network_config" : "network_config"]
            ?? (networks[role] as JsonObject)?["config"]
            ?? source?.Json["config"]) as JsonObject;
        if (config is null)
        {
            return null;
        }

        using var described = ModelParts.CreateNetwork(GoldenNetwork.Options(config));
        string first = described.StateOrder[0].Name;
        string[] prefixes = [role + ".state0.", role + ".", .. words.Select(word => word.TrimEnd('*', '.') + "."), "state0."];
        GoldenCase[] holders = [.. new[] { golden, source }.OfType<GoldenCase>()];
        foreach (var holder in holders)
        {
            if (prefixes.FirstOrDefault(prefix => holder.Has(prefix + first)) is { } prefix)
            {
                return GoldenNetwork.Load(config, holder, prefix);
            }
        }

        // A guide that travels with the case may be named in any way; nothing else in the case is a whole state.
        string? any = role == "guide" ? golden.TensorNames.FirstOrDefault(name => name.EndsWith("." + first, StringComparison.Ordinal)) : null;
        return any is null ? null : GoldenNetwork.Load(config, golden, any[..^first.Length]);
    }

    private static string? Words(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static HeunOptions Options(JsonObject args)
    {
        var defaults = new HeunOptions();
        double Number(string key, double otherwise) => args[key] is not JsonValue value ? otherwise
            : value.TryGetValue(out string? text) ? (text.Trim('+') is "inf" or "Infinity" ? double.PositiveInfinity : double.Parse(text, CultureInfo.InvariantCulture))
            : value.GetValue<double>();
        return new HeunOptions
        {
            Steps = (int)Number("num_steps", defaults.Steps),
            SigmaMin = Number("sigma_min", defaults.SigmaMin),
            SigmaMax = Number("sigma_max", defaults.SigmaMax),
            Rho = Number("rho", defaults.Rho),
            Guidance = Number("guidance", defaults.Guidance),
            SChurn = Number("S_churn", defaults.SChurn),
            SMin = Number("S_min", defaults.SMin),
            SMax = Number("S_max", defaults.SMax),
            SNoise = Number("S_noise", defaults.SNoise),
            State = Words(args["dtype"])?.EndsWith("float64", StringComparison.Ordinal) ?? false ? StatePrecision.Float64 : StatePrecision.Float32,
        };
    }
}
