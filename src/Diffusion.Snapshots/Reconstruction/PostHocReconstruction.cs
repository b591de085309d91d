using System.Text.Json;
using Diffusion.Snapshots.Averaging;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>Averages of any length, made after training from the snapshots of a run, all in one pass over them.</summary>
/// <remarks>Karras et al., arXiv:2312.02696, Section 3.2.</remarks>
public sealed class PostHocReconstruction
{
    private readonly SnapshotSet snapshots;

    private PostHocReconstruction(SnapshotSet snapshots, IReadOnlyList<PlannedReconstruction> outputs)
    {
        this.snapshots = snapshots;
        Outputs = outputs;
    }

    /// <summary>What will be made, by (images seen, length), with the error to expect of each.</summary>
    public IReadOnlyList<PlannedReconstruction> Outputs { get; }

    /// <summary>Plans every combination of lengths and times; no weights are read.</summary>
    /// <param name="snapshots">The run's snapshots; stays the caller's.</param>
    /// <param name="relativeStds">Lengths σ_rel.</param>
    /// <param name="imageCounts">Times, each that of a snapshot; the latest when null or empty.</param>
    /// <exception cref="ReconstructionRefusedException">A length or a time cannot be served.</exception>
    public static PostHocReconstruction Plan(SnapshotSet snapshots, IReadOnlyCollection<double> relativeStds, IReadOnlyCollection<long>? imageCounts = null)
    {
        var profiles = snapshots.Profiles;
        var times = imageCounts is { Count: > 0 } ? imageCounts.Distinct().Order().ToList() : [profiles[^1].ImagesSeen];
        var lengths = relativeStds.Distinct().Order().ToList();
        CheckLengths(lengths);
        times.ForEach(time => CheckTime(profiles, time));

        var outputs = new List<PlannedReconstruction>();
        foreach (long time in times)
        {
            // Snapshots are in the order of time: those that count are a prefix.
            var inputs = profiles.TakeWhile(profile => profile.ImagesSeen <= time).ToList();
            var targets = lengths.Select(length => new ProfileAt(time, length)).ToList();
            outputs.AddRange(targets.Zip(PostHocSolver.Solve(inputs, targets),
                (target, solution) => new PlannedReconstruction(target, inputs.Count, solution)));
        }

        return new PostHocReconstruction(snapshots, outputs);
    }

    /// <summary>Makes and writes everything planned. Each file appears when it is whole.</summary>
    /// <param name="directory">Where outputs go; created where it does not exist.</param>
    /// <param name="options">How; defaults when null.</param>
    /// <param name="progress">Told after every stretch.</param>
    /// <param name="cancellationToken">Gives up between stretches; no output is visible then.</param>
    /// <returns>The files written, fit to be catalogued.</returns>
    /// <exception cref="ReconstructionRefusedException">Two outputs would share a name, or one would replace an input.</exception>
    /// <exception cref="DamagedFileException">An input is damaged.</exception>
    /// <exception cref="SaveFailedException">The file system refused.</exception>
    public IReadOnlyList<SnapshotEntry> Run(string directory, ReconstructionOptions? options = null, IProgress<ReconstructionProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new ReconstructionOptions();
        var chosen = Outputs.Select(output => (Output: output, Path: PathOf(directory, options, output))).ToList();
        CheckPaths(chosen);
        chosen.RemoveAll(item => options.SkipExisting && File.Exists(item.Path));
        if (chosen.Count == 0)
        {
            return [];
        }

        Directory.CreateDirectory(directory);
        if (options.VerifyInputs)
        {
            snapshots.Verify(cancellationToken);
        }

        var writers = new List<SafetensorsWriter>();
        try
        {
            foreach (var (output, path) in chosen)
            {
                writers.Add(SafetensorsWriter.Create(path, Specs(options.ElementType), Describe(output).ToMetadata()));
            }

            using var combination = new StreamingCombination(snapshots.Items, [.. chosen.Select(item => item.Output)], writers, options, progress);
            var digests = combination.Run(cancellationToken);
            return [.. chosen.Zip(writers, digests).Select(item => Complete(item.First.Output, item.First.Path, options.ElementType, item.Second, item.Third))];
        }
        finally
        {
            writers.ForEach(writer => writer.Dispose());
        }
    }

    private static void CheckLengths(List<double> lengths)
    {
        if (lengths.Count == 0)
        {
            throw new ReconstructionRefusedException("No lengths were asked for. Give some, as in 0.05,0.10 or 0.01,0.02,...,0.25.");
        }

        foreach (double length in lengths.Where(length => !(length > 0 && length < PowerFunctionProfile.MaxRelativeStd)))
        {
            throw new ReconstructionRefusedException(
                FormattableString.Invariant($"Length {length} is not in (0, {PowerFunctionProfile.MaxRelativeStd}). Lengths are fractions of training time: 0.05 means 5 %."));
        }
    }

    private static void CheckTime(IReadOnlyList<ProfileAt> profiles, long time)
    {
        if (profiles.Any(profile => profile.ImagesSeen == time))
        {
            return;
        }

        long last = profiles[^1].ImagesSeen;
        if (time > last)
        {
            throw new ReconstructionRefusedException($"Target time {time} is later than the last snapshot, {last} images. Train on, or ask for {last}.");
        }

        long below = profiles.Select(profile => profile.ImagesSeen).Where(images => images < time).DefaultIfEmpty(0).Max();
        long above = profiles.Select(profile => profile.ImagesSeen).First(images => images > time);
        throw new ReconstructionRefusedException($"No snapshot was taken at {time} images. Ask for {(below > 0 ? $"{below} or " : "")}{above}.");
    }

    private static string PathOf(string directory, ReconstructionOptions options, PlannedReconstruction output)
        => Path.GetFullPath(Path.Combine(directory, SnapshotName.For(options.Prefix, output.Target.ImagesSeen, output.Target.RelativeStd).FileName));

    private void CheckPaths(List<(PlannedReconstruction Output, string Path)> chosen)
    {
        if (chosen.GroupBy(item => item.Path).FirstOrDefault(group => group.Count() > 1) is { } shared)
        {
            throw new ReconstructionRefusedException(
                $"Lengths {string.Join(" and ", shared.Select(item => FormattableString.Invariant($"{item.Output.Target.RelativeStd}")))} would share the name '{Path.GetFileName(shared.Key)}'. Names have three decimals: reconstruct them into different directories.");
        }

        var inputs = snapshots.Paths.Select(Path.GetFullPath).ToHashSet(StringComparer.Ordinal);
        if (chosen.FirstOrDefault(item => inputs.Contains(item.Path)) is { Path: { } replaced })
        {
            throw new ReconstructionRefusedException($"'{replaced}' would replace a snapshot of the training. Choose another prefix or directory.");
        }
    }

    private List<TensorSpec> Specs(ElementType elementType) =>
        [.. snapshots.Items[0].File.Tensors.Select(tensor => new TensorSpec(tensor.Name, tensor.ElementType.IsFloat() ? elementType : tensor.ElementType, tensor.Shape))];

    private SnapshotInfo Describe(PlannedReconstruction output) => snapshots.Info with
    {
        ImagesSeen = output.Target.ImagesSeen,
        RelativeStd = output.Target.RelativeStd,
        Extra = new Dictionary<string, string>(snapshots.Info.Extra)
        {
            [SnapshotSet.ReconstructionKey] = JsonSerializer.Serialize(new
            {
                expected_error = output.Solution.ExpectedError,
                inputs = snapshots.Paths.Zip(output.Solution.Coefficients, (path, weight) => new { file = Path.GetFileName(path), weight }),
            }),
        },
    };

    private SnapshotEntry Complete(PlannedReconstruction output, string path, ElementType elementType, SafetensorsWriter writer, string dataSha256)
    {
        var digest = writer.Complete(dataSha256);
        return new SnapshotEntry(snapshots.Info.RunId ?? "", output.Target.ImagesSeen, output.Target.RelativeStd, Path.GetFileName(path), elementType, new FileInfo(path).Length, digest.ContentId);
    }
}
