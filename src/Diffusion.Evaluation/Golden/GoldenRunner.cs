using Diffusion.Contracts.Configuration;

namespace Diffusion.Evaluation.Golden;

/// <summary>All cases found together, because cases refer to each other by name.</summary>
public sealed class GoldenLibrary : IDisposable
{
    private GoldenLibrary(IReadOnlyList<GoldenCase> cases) => Cases = cases;

    /// <summary>The cases, by path.</summary>
    public IReadOnlyList<GoldenCase> Cases { get; }

    /// <summary>Finds every case under a directory, whatever the files are called.</summary>
    /// <param name="directory">Searched with all its subdirectories.</param>
    /// <param name="device">Where networks run; null for the CPU.</param>
    /// <param name="precision">Number format of the image path of networks.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public static GoldenLibrary Open(string directory, Device? device = null, ComputePrecision precision = ComputePrecision.Float32)
        => new([.. Directory.EnumerateFiles(directory, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path => GoldenCase.TryOpen(path, device, precision)).OfType<GoldenCase>()]);

    /// <summary>The case of that name, or null.</summary>
    public GoldenCase? Find(string name) => Cases.FirstOrDefault(@case => @case.Name == name) ?? Cases.FirstOrDefault(@case => Path.GetFileNameWithoutExtension(@case.Path) == name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var @case in Cases)
        {
            @case.Dispose();
        }
    }
}

/// <summary>Compares one kind of case with what this program computes.</summary>
public interface IGoldenCheck
{
    /// <summary>The kind, as the case's description names it.</summary>
    string Kind { get; }

    /// <summary>Runs whatever parts the case has.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="library">All cases, for references between them.</param>
    IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library);
}

/// <summary>Compares every recorded case under a directory with what this program computes; the proof that the mathematics is right, on any machine.</summary>
/// <param name="checks">The checks, one for each kind.</param>
/// <param name="device">Where networks run; null for the CPU. Checks without a network do not look at it.</param>
/// <param name="precision">Number format of the image path. What was recorded is float32; other formats are compared with their own tolerances.</param>
public sealed class GoldenRunner(IReadOnlyList<IGoldenCheck> checks, Device? device = null, ComputePrecision precision = ComputePrecision.Float32)
{
    /// <summary>A runner with every check there is; with those of networks if the number format is not float32, for nothing else knows it.</summary>
    /// <param name="device">Where networks run; null for the CPU.</param>
    /// <param name="precision">Number format of the image path.</param>
    public GoldenRunner(Device? device = null, ComputePrecision precision = ComputePrecision.Float32)
        : this([.. GoldenChecks.All.Where(check => precision == ComputePrecision.Float32 || check is NetworkCheck)], device, precision)
    {
    }

    /// <summary>Runs all cases, one after the other, as the results are asked for.</summary>
    /// <param name="directory">Searched with all its subdirectories.</param>
    /// <param name="cancellationToken">Checked before each case.</param>
    public IEnumerable<GoldenResult> Run(string directory, CancellationToken cancellationToken)
    {
        using var library = GoldenLibrary.Open(directory, device, precision);
        foreach (var golden in library.Cases.Where(golden => precision == ComputePrecision.Float32 || checks.Any(check => check.Kind == golden.Kind)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var result in Run(golden, library))
            {
                yield return result;
            }
        }
    }

    /// <summary>Runs one case.</summary>
    public IReadOnlyList<GoldenResult> Run(GoldenCase golden, GoldenLibrary library)
    {
        if (golden.Fault is not null)
        {
            return [new GoldenResult(golden.Name, "case", double.NaN, 0, GoldenVerdict.Failed, $"it cannot be read: {golden.Fault}")];
        }

        var check = checks.FirstOrDefault(candidate => candidate.Kind == golden.Kind);
        if (check is null)
        {
            return [GoldenResult.Skip(golden.Name, golden.Kind, $"no check for kind {golden.Kind}; known: {string.Join(", ", checks.Select(known => known.Kind))}")];
        }

        // A case that cannot be computed is a finding about it; the other cases still run.
        using var precision = new FullPrecision(golden.Device);
        var results = GoldenParts.Guarded(golden, golden.Kind, () => check.Run(golden, library));
        return
        [
            .. golden.MissingTensors is null ? Enumerable.Empty<GoldenResult>() : [GoldenResult.Skip(golden.Name, "tensors_file", $"{golden.MissingTensors} is not there; parts that need it are left out")],
            .. results.Count > 0 ? results : [GoldenResult.Skip(golden.Name, golden.Kind, "no part of it could be compared")],
        ];
    }

    /// <summary>Keeps a GPU from rounding to TF32, whose ten binary digits are not what was recorded.</summary>
    private sealed class FullPrecision : IDisposable
    {
        private readonly (bool Products, bool Convolutions)? before;

        public FullPrecision(Device device)
        {
            if (device.type == DeviceType.CUDA)
            {
                before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32);
                (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) = (false, false);
            }
        }

        public void Dispose()
        {
            if (before is var (products, convolutions))
            {
                (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) = (products, convolutions);
            }
        }
    }
}
