using System.Globalization;
using System.Text.Json.Nodes;
using Diffusion.Model.Networks;
using Diffusion.Model.Objectives;
using Diffusion.Snapshots.Averaging;

namespace Diffusion.Evaluation.Golden;

/// <summary>
/// A few recorded training steps, repeated with the plainest possible optimizer and averages, one tensor at a time. The training loop's own,
/// which work on flat arenas, are compared with this one elsewhere.
/// </summary>
internal sealed class TrainingTrace(GoldenCase golden, INetwork network)
{
    private const double StateTolerance = 3e-5;
    private const double TraceTolerance = 1e-5;
    private const double Beta1 = 0.9, Beta2 = 0.99, Epsilon = 1e-8;

    private readonly Dictionary<string, (Tensor First, Tensor Second)> moments = [];
    private readonly List<(double RelativeStd, Dictionary<string, Tensor> Weights)> averages = [];

    public IReadOnlyList<GoldenResult> Run()
    {
        if (golden.Json["train"] is not JsonObject train || !golden.Has("step0.images", "step0.rnd_normal", "step0.noise"))
        {
            return [];
        }

        using var scope = torch.NewDisposeScope();
        GoldenNetwork.LoadState(network, golden, "state0.");
        network.Training = true;
        network.RequireGradients();
        Start(train);

        var results = new List<GoldenResult>();
        long batchSize = train["batch_size"]!.GetValue<long>(), imagesSeen = train["start_nimg"]?.GetValue<long>() ?? 0;
        int steps = train["steps"]!.GetValue<int>();
        for (int step = 0; step < steps; step++)
        {
            results.AddRange(Step(train, step, imagesSeen, batchSize));
            imagesSeen += batchSize;
        }

        network.RequireGradients(false);
        results.AddRange(NetworkCheck.State(golden, network, $"after{steps}.net.", StateTolerance));
        foreach (var (relativeStd, weights) in averages)
        {
            string prefix = string.Create(CultureInfo.InvariantCulture, $"after{steps}.ema{relativeStd:0.000}.");
            results.AddRange(weights.Where(pair => golden.Has(prefix + pair.Key)).Select(pair => golden.CompareScaled(pair.Value, prefix + pair.Key, StateTolerance)));
        }

        return results;
    }

    private void Start(JsonObject train)
    {
        foreach (var parameter in network.Parameters)
        {
            moments[parameter.Name] = (torch.zeros_like(parameter.Value), torch.zeros_like(parameter.Value));
        }

        foreach (var std in train["stds"] as JsonArray ?? [])
        {
            averages.Add((std!.GetValue<double>(), network.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Value.detach().clone())));
        }
    }

    private List<GoldenResult> Step(JsonObject train, int step, long imagesSeen, long batchSize)
    {
        using var scope = torch.NewDisposeScope();
        var results = new List<GoldenResult>();
        var trace = (golden.Json["train_trace"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(row => row["step"]!.GetValue<int>() == step);

        double loss = Backward(train, step, batchSize);
        Compare(results, trace, step, "loss_sum", loss);
        Compare(results, trace, step, "grad_l2_norm", Math.Sqrt(network.Parameters.Sum(parameter => parameter.Value.grad is { } gradient ? gradient.to(torch.ScalarType.Float64).square().sum().item<double>() : 0)));

        var rates = train["lr_kwargs"] as JsonObject ?? [];
        var schedule = new LearningRateSchedule(rates["ref_lr"]!.GetValue<double>(), rates["ref_batches"]?.GetValue<double>() ?? 0, 1e6 * (rates["rampup_Mimg"]?.GetValue<double>() ?? 0));
        double rate = schedule.At(imagesSeen, batchSize);
        Compare(results, trace, step, "lr", rate);

        using var guard = torch.no_grad();
        Adam(rate, step + 1);
        long seenAfter = imagesSeen + batchSize;
        for (int index = 0; index < averages.Count; index++)
        {
            var (relativeStd, weights) = averages[index];
            double beta = new PowerFunctionProfile(relativeStd).Beta(seenAfter, batchSize);
            if (trace?["ema_beta"] is JsonArray betas)
            {
                results.Add(golden.CompareNumber($"train_trace.{step}.ema_beta.{index}", beta, betas[index]!.GetValue<double>(), 1e-9));
            }

            foreach (var parameter in network.Parameters)
            {
                weights[parameter.Name].add_(parameter.Value.sub(weights[parameter.Name]).mul(1 - beta));
            }
        }

        return results;
    }

    /// <summary>Accumulates the gradient of one step over its micro-batches and returns the sum of the loss.</summary>
    private double Backward(JsonObject train, int step, long batchSize)
    {
        int rounds = train["rounds"]?.GetValue<int>() ?? 1;
        double lossScale = train["loss_scaling"]?.GetValue<double>() ?? 1, sum = 0;
        var noise = new LogNormalNoise(NetworkCheck.LossOptions(golden));
        foreach (var parameter in network.Parameters)
        {
            parameter.Value.grad?.zero_();
        }

        for (int round = 0; round < rounds; round++)
        {
            Tensor Part(string name)
            {
                var whole = golden.Tensor($"step{step}.{name}");
                long size = whole.shape[0] / rounds;
                return whole.narrow(0, round * size, size);
            }

            // The recorded steps normalise before every forward; a training step of ours does so once.
            network.NormalizeWeights();
            var labels = golden.Has($"step{step}.labels") ? Part("labels") : null;
            var loss = new UncertaintyLoss().Evaluate(network, Part("images"), labels, noise.From(Part("rnd_normal"), Part("noise")));
            loss.Map.sum().mul(lossScale / batchSize).backward();
            sum += loss.Map.detach().to(torch.ScalarType.Float64).sum().item<double>();
        }

        return sum;
    }

    private void Adam(double rate, int count)
    {
        foreach (var parameter in network.Parameters)
        {
            if (parameter.Value.grad is not { } gradient)
            {
                continue;
            }

            var (first, second) = moments[parameter.Name];
            first.mul_(Beta1).add_(gradient.mul(1 - Beta1));
            second.mul_(Beta2).add_(gradient.square().mul(1 - Beta2));
            var denominator = second.div(1 - Math.Pow(Beta2, count)).sqrt().add(Epsilon);
            parameter.Value.sub_(first.div(1 - Math.Pow(Beta1, count)).div(denominator).mul(rate));
        }
    }

    private void Compare(List<GoldenResult> results, JsonObject? trace, int step, string key, double actual)
    {
        if (trace?[key] is { } expected)
        {
            results.Add(golden.CompareNumber($"train_trace.{step}.{key}", actual, expected.GetValue<double>(), TraceTolerance));
        }
    }
}
