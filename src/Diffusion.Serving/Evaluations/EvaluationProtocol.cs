using System.Reflection;

namespace Diffusion.Serving.Evaluations;

/// <summary>What evaluators and servers have to agree on.</summary>
public static class EvaluationProtocol
{
    /// <summary>Version of what is said. Grows when an older evaluator would misunderstand.</summary>
    public const int Version = 1;

    /// <summary>Version and commit of this program: other code may compute other bits.</summary>
    public static string Build { get; } =
        typeof(EvaluationProtocol).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
