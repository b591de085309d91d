using System.Globalization;

namespace Diffusion.Cli.Soak;

/// <summary>One completed step, as one worker logged it.</summary>
internal readonly record struct LoggedStep(DateTime At, long Generation, long Step, string Chain, IReadOnlyDictionary<int, string> Shards);

/// <summary>What the workers of a run logged about the images they consumed.</summary>
internal sealed class ImageHistory
{
    private ImageHistory(IReadOnlyList<LoggedStep> steps) => Steps = steps;

    /// <summary>All lines of all workers, by time. A step is there once for each worker that completed it, and again where it was repeated.</summary>
    public IReadOnlyList<LoggedStep> Steps { get; }

    /// <summary>Reads the logs of a run. A last line that its writer did not live to finish is left out.</summary>
    public static ImageHistory Read(RunDirectory run) => new(
        [.. Directory.EnumerateFiles(run.Logs, "*.images").SelectMany(file => File.ReadAllText(file).Split('\n').SkipLast(1)).Select(Parse).OrderBy(step => step.At)]);

    /// <summary>Compares with the history of an undisturbed run.</summary>
    /// <param name="undisturbed">A run of one worker, which logged every shard of every step.</param>
    /// <param name="steps">Length of both runs.</param>
    /// <returns>Every difference as a sentence.</returns>
    public IEnumerable<string> Differences(ImageHistory undisturbed, long steps)
    {
        var expected = undisturbed.Steps.ToDictionary(s => s.Step);
        var seen = Steps.ToLookup(s => s.Step);
        for (long step = 1; step <= steps; step++)
        {
            if (!expected.TryGetValue(step, out var right))
            {
                yield return $"The undisturbed run logged no step {step}.";
                continue;
            }

            if (!seen[step].Any())
            {
                yield return $"No worker logged step {step}.";
            }

            foreach (var logged in seen[step])
            {
                if (logged.Chain != right.Chain)
                {
                    yield return $"After step {step} of generation {logged.Generation} the images consumed are {logged.Chain}, those of the undisturbed run {right.Chain}.";
                }

                foreach (var (shard, images) in logged.Shards.Where(own => right.Shards.GetValueOrDefault(own.Key) != own.Value))
                {
                    yield return $"Shard {shard} of step {step} in generation {logged.Generation} was images {images}, in the undisturbed run {right.Shards.GetValueOrDefault(shard, "none")}.";
                }
            }
        }
    }

    /// <summary>Checks that a run of one worker visited every image equally often, give or take the epoch in progress.</summary>
    public IEnumerable<string> Unevenness(long imagesPerEpoch)
    {
        var counts = new Dictionary<string, int>();
        foreach (string image in Steps.OrderBy(s => s.Step).SelectMany(s => s.Shards.OrderBy(shard => shard.Key)).SelectMany(shard => shard.Value.Split(',')))
        {
            counts[image] = counts.GetValueOrDefault(image) + 1;
        }

        int total = counts.Values.Sum();
        int least = (int)(total / imagesPerEpoch);
        return counts.Where(c => c.Value < least || c.Value > least + 1).Select(c => $"Image {c.Key} was consumed {c.Value} times in {total} images of epochs of {imagesPerEpoch}.");
    }

    private static LoggedStep Parse(string line)
    {
        string[] parts = line.Split(' ');
        return new LoggedStep(
            DateTime.Parse(parts[0], CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind),
            long.Parse(parts[1], CultureInfo.InvariantCulture),
            long.Parse(parts[2], CultureInfo.InvariantCulture),
            parts[3],
            parts[4].Split(';', StringSplitOptions.RemoveEmptyEntries).Select(shard => shard.Split(':')).ToDictionary(shard => int.Parse(shard[0], CultureInfo.InvariantCulture), shard => shard[1]));
    }
}
