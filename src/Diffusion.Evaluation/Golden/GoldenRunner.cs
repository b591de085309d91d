
namespace Diffusion.Evaluation.Golden;

/// <summary>All cases found together, because cases refer to each other by name.</summary>
public sealed class GoldenLibrary : IDisposable
{
    private GoldenLibrary(IReadOnlyList<GoldenCase> cases) => Cases = cases;

    /// <summary>The cases, by path.</summary>
    public IReadOnlyList<GoldenCase> Cases { get; }

    /// <summary>Finds every case under a directory, whatever the files are called.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    public static GoldenLibrary Open(string directory)
        => new([.. Directory.EnumerateFiles(directory, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(GoldenCase.TryOpen).OfType<GoldenCase>()]);

    /// <summary>The case of that name, or null.</summary>
    public GoldenCase? Find(string name) => Cases.FirstOrDefault(@case => @case.Name == name);

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
public sealed class GoldenRunner(IReadOnlyList<IGoldenCheck> checks)
{
    /// <summary>A runner with every check there is.</summary>
    public GoldenRunner()
        : this(GoldenChecks.All)
    {
    }

    /// <summary>Runs all cases, one after the other, as the results are asked for.</summary>
    /// <param name="directory">Searched with all its subdirectories.</param>
    /// <param name="cancellationToken">Checked before each case.</param>
    public IEnumerable<GoldenResult> Run(string directory, CancellationToken cancellationToken)
    {
        using var library = GoldenLibrary.Open(directory);
        foreach (var golden in library.Cases)
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
        var check = checks.FirstOrDefault(candidate => candidate.Kind == golden.Kind);
        if (check is null)
        {
            return [GoldenResult.Skip(golden.Name, golden.Kind, $"no check for kind {golden.Kind}; known: {string.Join(", ", checks.Select(known => known.Kind))}")];
        }

        using var scope = torch.NewDisposeScope();
        try
        {
            return check.Run(golden, library);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // A case that cannot be computed is a finding about it; the other cases still run.
            return [new GoldenResult(golden.Name, golden.Kind, double.NaN, 0, GoldenVerdict.Failed, $"{exception.GetType().Name}: {exception.Message}")];
        }
    }
}
