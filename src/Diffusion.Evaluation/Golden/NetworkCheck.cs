using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Model.Objectives;

namespace Diffusion.Evaluation.Golden;

/// <summary>A whole network: state, evaluation, training mode, loss, gradients and a few training steps.</summary>
internal sealed class NetworkCheck : IGoldenCheck
{
    private const double Tolerance = 1e-5;

    /// <summary>Noise level of the part that gives one for all images.</summary>
    private const float ScalarSigma = 0.7f;

    public string Kind => "edm2_network";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
    {
        if (golden.Json["config"] is not JsonObject config || !golden.Under("state0.").Any())
        {
            return [GoldenResult.Skip(golden.Name, "state0", "no configuration or no state was recorded")];
        }

        using var network = GoldenNetwork.Load(config, golden, "state0.");
        return
        [
            .. Description(golden, network),
            .. Evaluation(golden, network),
            .. TrainingMode(golden, network),
            .. Gradients(golden, network),
            // Adam divides by magnitude: rounded gradients near zero turn into steps of full length.
            .. golden.Precision == ComputePrecision.Float32 ? new TrainingTrace(golden, network).Run() : [],
        ];
    }

    private static IEnumerable<GoldenResult> Description(GoldenCase golden, INetwork network)
    {
        if (golden.Json["num_params"] is { } count)
        {
            yield return GoldenResult.Compare(golden.Name, "num_params", Math.Abs(network.ParameterCount() - count.GetValue<long>()), 0);
        }

        foreach (var (key, names) in new[] { ("state_dict_order", network.StateOrder.Select(place => place.Name)), ("parameter_order", network.Parameters.Select(place => place.Name)) })
        {
            if (golden.Json[key] is JsonArray recorded)
            {
                int differences = recorded.Select(name => name!.GetValue<string>()).SequenceEqual(names) ? 0 : 1;
                yield return GoldenResult.Compare(golden.Name, key, differences, 0);
            }
        }
    }

    private static List<GoldenResult> Evaluation(GoldenCase golden, INetwork network)
    {
        if (!golden.Has("in.x", "in.sigma"))
        {
            return [];
        }

        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        var (x, sigma, labels) = (golden.Tensor("in.x"), golden.Tensor("in.sigma"), golden.TensorOrNull("in.labels"));
        var results = new List<GoldenResult>();
        GoldenLoad(golden, network, training: false);

        network.ActivationProbe = (module, output) => results.AddRange(Activation(golden, module, output));
        var (denoised, logVariance) = network.Denoise(x, sigma, labels, withLogVariance: true);
        network.ActivationProbe = null;
        results.AddRange(golden.Under("eval.act.").Where(name => !results.Any(result => result.Part == "eval.act." + name)).Select(name => new GoldenResult(golden.Name, "eval.act." + name, double.NaN, Tolerance, GoldenVerdict.Failed, "the network has no such module")));

        Add(golden, results, "eval.D", () => denoised);
        Add(golden, results, "eval.logvar", () => logVariance);
        Add(golden, results, "eval.D_no_labels", () => network.Denoise(x, sigma).Denoised);
        Add(golden, results, "eval.D_scalar_sigma", () => network.Denoise(x, torch.tensor(ScalarSigma).to(golden.Device), labels).Denoised);
        return results;
    }

    private static IEnumerable<GoldenResult> Activation(GoldenCase golden, string module, Tensor output)
    {
        // A recorded name may say more than the module's own, in brackets.
        string? name = golden.Under("eval.act.").FirstOrDefault(recorded => recorded.Split('(')[0] == module);
        return name is null ? [] : [golden.CompareScaled(output, "eval.act." + name, Tolerance)];
    }

    private static List<GoldenResult> TrainingMode(GoldenCase golden, INetwork network)
    {
        var results = new List<GoldenResult>();
        if (!golden.Under("train.").Any() || !golden.Has("in.x", "in.sigma"))
        {
            return results;
        }

        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        var (x, sigma, labels) = (golden.Tensor("in.x"), golden.Tensor("in.sigma"), golden.TensorOrNull("in.labels"));
        GoldenLoad(golden, network, training: true);

        network.NormalizeWeights();
        var (denoised, logVariance) = network.Denoise(x, sigma, labels, withLogVariance: true);
        Add(golden, results, "train.D", () => denoised);
        Add(golden, results, "train.logvar", () => logVariance);
        results.AddRange(State(golden, network, "train.state_after_forward."));

        network.NormalizeWeights();
        Add(golden, results, "train.D_second_forward", () => network.Denoise(x, sigma, labels).Denoised);
        results.AddRange(State(golden, network, "train.state_after_second_forward."));
        foreach (var (name, rms) in golden.Json["train_weight_rms_after_two_forwards"] as JsonObject ?? [])
        {
            var value = network.StateOrder.Single(place => place.Name == name).Value;
            results.Add(golden.CompareNumber($"train_weight_rms_after_two_forwards.{name}", value.to(torch.ScalarType.Float64).square().mean().sqrt().item<double>(), rms!.GetValue<double>(), 1e-6));
        }

        return results;
    }

    private static List<GoldenResult> Gradients(GoldenCase golden, INetwork network)
    {
        var results = new List<GoldenResult>();
        if (!golden.Has("loss.images", "loss.rnd_normal", "loss.noise"))
        {
            return results;
        }

        using var scope = torch.NewDisposeScope();
        GoldenLoad(golden, network, training: true);
        network.RequireGradients();
        network.NormalizeWeights();
        var noise = new LogNormalNoise(LossOptions(golden));
        var draw = noise.From(golden.Tensor("loss.rnd_normal"), golden.Tensor("loss.noise"));
        var loss = new UncertaintyLoss().Evaluate(network, golden.Tensor("loss.images"), golden.TensorOrNull("loss.labels"), draw);
        Add(golden, results, "loss.map", () => loss.Map);
        double sum = loss.Map.detach().to(torch.ScalarType.Float64).sum().item<double>();
        if (golden.Json["loss"]?["sum"] is { } recordedSum)
        {
            results.Add(golden.CompareNumber("loss.sum", sum, recordedSum.GetValue<double>(), Tolerance));
        }

        if (golden.Json["loss"]?["mean"] is { } recordedMean)
        {
            results.Add(golden.CompareNumber("loss.mean", sum / loss.Map.numel(), recordedMean.GetValue<double>(), Tolerance));
        }

        if (golden.Under("grad.").Any())
        {
            double scale = golden.Json["loss"]?["backward_scale"]?.GetValue<double>() ?? 1.0 / loss.Map.shape[0];
            loss.Map.sum().mul(scale).backward();

            // Gradients of gains are sums of many cancelling terms: the whole gradient's magnitude is the measure, not their own.
            double magnitude = golden.Json["grad_global_max_abs"]?.GetValue<double>() ?? golden.Under("grad.").Max(name => golden.Magnitude("grad." + name));
            results.AddRange(network.Parameters.Where(parameter => golden.Has("grad." + parameter.Name)).Select(parameter => golden.Compare(parameter.Value.grad, "grad." + parameter.Name, Tolerance, magnitude)));
        }

        network.RequireGradients(false);
        return results;
    }

    /// <summary>Noise distribution of the recorded loss.</summary>
    internal static LogNormalOptions LossOptions(GoldenCase golden) => new()
    {
        Mean = golden.Json["loss_config"]?["P_mean"]?.GetValue<double>() ?? new LogNormalOptions().Mean,
        Std = golden.Json["loss_config"]?["P_std"]?.GetValue<double>() ?? new LogNormalOptions().Std,
    };

    /// <summary>Compares the network's tensors with those recorded under a prefix.</summary>
    internal static IEnumerable<GoldenResult> State(GoldenCase golden, INetwork network, string prefix, double tolerance = Tolerance)
        => network.StateOrder.Where(place => golden.Has(prefix + place.Name)).Select(place => golden.CompareScaled(place.Value, prefix + place.Name, tolerance));

    private static void GoldenLoad(GoldenCase golden, INetwork network, bool training)
    {
        GoldenNetwork.LoadState(network, golden, "state0.");
        network.Training = training;
    }

    private static void Add(GoldenCase golden, List<GoldenResult> results, string name, Func<Tensor?> compute)
    {
        if (golden.Has(name))
        {
            results.Add(golden.CompareScaled(compute(), name, Tolerance));
        }
    }
}
