using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Model.Sampling;

namespace Diffusion.Evaluation.Golden;

/// <summary>Numbers that the CPU's generator draws from recorded seeds: noise and class of each image, and initial weights.</summary>
internal static partial class DrawnNumbers
{
    private const double Tolerance = 1e-6;
    private const string Noise = "seed_noise", Labels = "seed_labels", SecondNoise = "seed_noise_second_draw";
    private const long UsualClasses = 10;

    /// <summary>Of each image: the initial noise, then its class, then the next noise.</summary>
    public static IEnumerable<GoldenResult> PerImage(GoldenCase golden)
    {
        if (!golden.Has(Noise))
        {
            yield return GoldenResult.Skip(golden.Name, "seed_noise_seeds", $"no tensor {Noise} was recorded");
            yield break;
        }

        using var noise = new SeededNoise(golden.Json.Integers("seed_noise_seeds"));
        var recorded = golden.Recorded(Noise);
        yield return golden.Compare(noise.Randn(recorded.shape[1..]), Noise, Tolerance);
        var classes = noise.RandInt(Words(golden.Json).Select(words => Bound().Match(words)).Where(match => match.Success).Select(Number).FirstOrDefault(UsualClasses));
        if (golden.Has(Labels))
        {
            yield return golden.Compare(classes, Labels, 0);
        }

        if (golden.Has(SecondNoise))
        {
            yield return golden.Compare(noise.Randn(golden.Recorded(SecondNoise).shape[1..]), SecondNoise, Tolerance);
        }
    }

    /// <summary>Of each initial tensor: its sum, its sum of squares, and its first values. The order of the list is the order of the draws.</summary>
    public static IEnumerable<GoldenResult> InitialWeights(GoldenCase golden, GoldenLibrary library, string part, JsonObject recorded)
    {
        string[] words = [.. Words(recorded)];
        var rows = recorded.List("tensors").OfType<JsonObject>().ToArray();
        if (Config(library, recorded, words) is not { } config)
        {
            return [GoldenResult.Skip(golden.Name, part, "the network it refers to was not recorded")];
        }

        using var network = ModelParts.CreateNetwork(GoldenNetwork.Options(config));
        using var generator = new Generator(0, torch.CPU);
        generator.manual_seed(recorded["seed"] is null ? words.Select(text => Seed().Match(text)).Where(match => match.Success).Select(Number).FirstOrDefault(0) : recorded.Integer("seed"));
        network.Initialize(generator);
        return
        [
            GoldenParts.SameList(golden, part + ".order", network.StateOrder.Select(place => place.Name), rows.Select(row => row.Text("name"))),
            GoldenParts.Rows(golden, part + ".tensors", recorded["tensors"]!, Tolerance, row => Error(network, row)),
        ];
    }

    /// <summary>The configuration that comes with the list, or that of the case that its note names.</summary>
    private static JsonObject? Config(GoldenLibrary library, JsonObject recorded, string[] words)
        => recorded["config"] as JsonObject
            ?? words.SelectMany(text => Name().Matches(text)).Select(match => library.Find(match.Value)?.Json["config"]).OfType<JsonObject>().FirstOrDefault();

    private static double Error(INetwork network, JsonObject row)
    {
        using var scope = torch.NewDisposeScope();
        var value = network.StateOrder.Single(place => place.Name == row.Text("name")).Value;
        if (row.ContainsKey("shape") && !value.shape.AsSpan().SequenceEqual(row.Integers("shape")))
        {
            throw new FormatException($"its shape is [{string.Join(", ", value.shape)}].");
        }

        double[] numbers = value.to(ScalarType.Float64).flatten().data<double>().ToArray();
        double squares = numbers.Sum(number => number * number);

        // √(n·Σx²) bounds Σ|x|, which is what the roundings in a sum are a fraction of.
        double scale = Math.Max(1, Math.Sqrt(numbers.Length * squares));
        double[] first = row.ContainsKey("first") ? row.Numbers("first") : [];
        return new[]
        {
            row.ContainsKey("sum") ? Math.Abs(numbers.Sum() - row.Number("sum")) / scale : 0,
            row.ContainsKey("sumsq") ? GoldenParts.Scaled(squares, row.Number("sumsq")) : 0,
            GoldenParts.Largest([.. numbers.Take(first.Length)], first, GoldenParts.Scaled),
        }.Max();
    }

    private static IEnumerable<string> Words(JsonObject recorded) => recorded.Select(pair => pair.Value is JsonValue value && value.TryGetValue(out string? text) ? text : null).OfType<string>();

    private static long Number(Match match) => long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"randint\((?:0, *)?([0-9]+)")]
    private static partial Regex Bound();

    [GeneratedRegex(@"seed\(([0-9]+)\)")]
    private static partial Regex Seed();

    [GeneratedRegex(@"[A-Za-z0-9_.-]*[A-Za-z0-9_-]")]
    private static partial Regex Name();
}
