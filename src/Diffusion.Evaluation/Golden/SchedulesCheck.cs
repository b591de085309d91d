using System.Text.Json.Nodes;
using Diffusion.Contracts.Configuration;
using Diffusion.Data;
using Diffusion.Model.Objectives;
using Diffusion.Model.Sampling;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Reconstruction;

namespace Diffusion.Evaluation.Golden;

/// <summary>Conventions of training and sampling: rates, time steps, seeds, data order, names, lists; and numbers drawn from a seed.</summary>
internal sealed class SchedulesCheck : IGoldenCheck
{
    private const double Tolerance = 1e-12;

    private static readonly Dictionary<string, (double Tolerance, Func<JsonObject, double> Error)> Parts = new()
    {
        ["learning_rate"] = (Tolerance, LearningRate),
        ["traditional_ema_beta"] = (Tolerance, TraditionalBeta),
        ["t_steps"] = (1, TimeSteps),
        ["seed_from_tuple"] = (0, Seed),
        ["infinite_sampler"] = (0, DataOrder),
        ["dataset_max_size_subset"] = (0, row => GoldenParts.Differs(
            ImageSelection.Subset((int)row.Integer("size"), (int)row.Integer("max_size"), row.Integer("random_seed")).Select(index => (long)index), row.Integers("raw_idx"))),
        ["kimg_to_nimg"] = (0, row => Math.Abs(new SnapshotName(SnapshotName.Training, row.Integer("kimg"), 0.1).ImagesSeen - row.Integer("nimg"))),
        ["snapshot_names"] = (0, Name),
        ["parse_std_list"] = (Tolerance, row => GoldenParts.Largest(LengthList.Parse(row.Text("s")), row.Numbers("out"), GoldenParts.Scaled)),
        ["parse_nimg"] = (0, row => Math.Abs(ImageCount.Parse(row.Text("s")) - row.Integer("out"))),
        ["seed_batches"] = (0, Batches),
    };

    public string Kind => "schedules";

    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
        => [.. GoldenParts.Of(golden.Json).SelectMany(part => GoldenParts.Guarded(golden, part.Key, () => Run(golden, library, part.Key, part.Value)))];

    private static IEnumerable<GoldenResult> Run(GoldenCase golden, GoldenLibrary library, string key, JsonNode value) => key switch
    {
        "seed_noise_seeds" => DrawnNumbers.PerImage(golden),
        "init_checksum" => DrawnNumbers.InitialWeights(golden, library, key, value as JsonObject ?? throw new FormatException("it is no object.")),
        _ when Parts.TryGetValue(key, out var known) => [GoldenParts.Rows(golden, key, value, known.Tolerance, known.Error)],
        _ => [GoldenResult.Skip(golden.Name, key, "no check for this part")],
    };

    private static double LearningRate(JsonObject row)
    {
        var schedule = new LearningRateSchedule(row.Number("ref_lr"), row.NumberOr("ref_batches", 0), 1e6 * row.NumberOr("rampup_Mimg", 0));
        return GoldenParts.Relative(schedule.At(row.Integer("cur_nimg"), row.Integer("batch_size")), row.Number("lr"));
    }

    private static double TraditionalBeta(JsonObject row)
    {
        var average = new TraditionalEma(row.NumberOr("halflife_Mimg", double.PositiveInfinity), row["rampup_ratio"] is null ? null : row.Number("rampup_ratio"));
        return GoldenParts.Scaled(average.Beta(row.Integer("cur_nimg"), row.Integer("batch_size")), row.Number("beta"));
    }

    /// <summary>In units of what the row's precision allows. The last step, 0, may be recorded or not.</summary>
    private static double TimeSteps(JsonObject row)
    {
        const double SingleTolerance = 1e-5;
        bool isDouble = row["dtype"]?.ToString().EndsWith("64", StringComparison.Ordinal) ?? false;
        var defaults = new HeunOptions();
        var times = HeunSampler.TimeSteps(new HeunOptions
        {
            Steps = (int)row.Integer("num_steps"),
            SigmaMin = row.NumberOr("sigma_min", defaults.SigmaMin),
            SigmaMax = row.NumberOr("sigma_max", defaults.SigmaMax),
            Rho = row.NumberOr("rho", defaults.Rho),
            State = isDouble ? StatePrecision.Float64 : StatePrecision.Float32,
        });
        double[] expected = row.Numbers("t");
        return GoldenParts.Largest([.. times.Take(Math.Max(expected.Length, times.Count - 1))], expected, GoldenParts.Relative) / (isDouble ? Tolerance : SingleTolerance);
    }

    private static double Seed(JsonObject row)
    {
        int seed = TupleSeed.Hash(row.Integers("tuple"));
        double error = row["seed"] is null ? 0 : Math.Abs(seed - row.Integer("seed"));
        return row["python_hash"] is null ? error : Math.Max(error, Math.Abs(seed - (row.Integer("python_hash") & int.MaxValue)));
    }

    private static double DataOrder(JsonObject row)
    {
        var sequence = new BatchSequence(row.Integer("dataset_size"), row.Integer("seed"), row["shuffle"]?.GetValue<bool>() ?? true);
        long first = row.Integer("start_idx") + row.Integer("rank"), stride = row.Integer("num_replicas");
        long[] expected = row.Integers("indices");
        return GoldenParts.Differs(expected.Select((_, i) => sequence.ImageIndexAt(first + (i * stride))), expected);
    }

    /// <summary>Both ways; only the extension is this program's own.</summary>
    private static double Name(JsonObject row)
    {
        string expected = Path.ChangeExtension(row.Text("name"), SnapshotName.Extension);
        long images = row.Integer("nimg");
        if (!SnapshotName.TryParse(expected, out var parsed))
        {
            throw new FormatException($"'{expected}' reads as no snapshot's name.");
        }

        // Counts that are no multiple of 1024 cannot be told from a name.
        bool back = images % 1024 != 0 || parsed.ImagesSeen == images;
        return back && SnapshotName.For(parsed.Prefix, images, row.Number("std")).FileName == expected ? 0 : 1;
    }

    private static double Batches(JsonObject row)
    {
        long[] seeds = row["seeds"] is null ? [.. Enumerable.Range(0, (int)row.Integer("num_seeds")).Select(seed => (long)seed)] : row.Integers("seeds");
        var shared = SeedBatches.Split(seeds, (int)row.Integer("max_batch"), (int)row.Integer("world"));

        // A rank without work may have an empty batch or none.
        var expected = row.List("per_rank").Select(rank => string.Join(';', rank!.AsArray().Where(batch => batch!.AsArray().Count > 0).Select(batch => string.Join(',', batch!.AsArray().Select(seed => GoldenJson.Integer(seed, "per_rank"))))));
        return GoldenParts.Differs(shared.Select(rank => string.Join(';', rank.Select(batch => string.Join(',', batch)))), expected);
    }
}
