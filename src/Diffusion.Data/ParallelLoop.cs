using System.Runtime.ExceptionServices;

namespace Diffusion.Data;

/// <summary>A loop on all cores that throws its first error as it was, so that callers see what a plain loop would show them.</summary>
internal static class ParallelLoop
{
    public static void Run(int count, Action<int> body, CancellationToken cancellationToken)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellationToken }, body);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions.FirstOrDefault(inner => inner is DatasetException) ?? e.InnerExceptions[0]);
        }
    }
}
