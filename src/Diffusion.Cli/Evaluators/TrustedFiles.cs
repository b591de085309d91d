using Diffusion.Contracts.Configuration;
using Diffusion.Serving.Evaluations;

namespace Diffusion.Cli.Evaluators;

/// <summary>TorchScript files that whoever started this evaluator gave it. TorchScript is a program, and a server is no reason to run one: such files never come from there.</summary>
internal sealed class TrustedFiles
{
    private readonly Dictionary<string, string> paths = new(StringComparer.Ordinal);

    /// <exception cref="ConfigurationException">A file is not there.</exception>
    public TrustedFiles(IEnumerable<string> files)
    {
        foreach (string path in files)
        {
            paths[File.Exists(path) ? EvaluationFiles.DigestOf(path) : throw new ConfigurationException($"--trust-features {path} does not exist. Give the TorchScript file that the jobs were submitted with, or leave it out: networks of 'features train' come from the server.")] = path;
        }
    }

    public IReadOnlyList<string> Digests => [.. paths.Keys];

    /// <exception cref="ConfigurationException">It was not given.</exception>
    public string? PathOf(string? digest) => digest is null ? null : paths.TryGetValue(digest, out string? path) ? path
        : throw new ConfigurationException($"The job runs the TorchScript file {digest[..12]}…, which this evaluator was not started with. Give it with --trust-features FILE if you trust it.");
}
