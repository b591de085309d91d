namespace Diffusion.Contracts.Configuration;

/// <summary>What was asked for cannot be run: each problem says the value, the rule and the remedy.</summary>
public sealed class ConfigurationException : Exception
{
    /// <summary>Several problems at once, so that one edit can mend them all.</summary>
    public ConfigurationException(IReadOnlyList<string> problems)
        : base(problems.Count == 1 ? problems[0] : string.Join(Environment.NewLine, problems.Select(p => "- " + p))) => Problems = problems;

    /// <summary>One problem.</summary>
    public ConfigurationException(string problem)
        : this([problem])
    {
    }

    /// <summary>The problems, a sentence or two each.</summary>
    public IReadOnlyList<string> Problems { get; }
}
