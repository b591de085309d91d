namespace Grpc.Tests.Hosting;

internal static class Wait
{
    /// <summary>The bound of every wait in these tests: far above what a busy machine needs.</summary>
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    public static Task Soon(this Task task) => task.WaitAsync(Bound);

    public static Task<T> Soon<T>(this Task<T> task) => task.WaitAsync(Bound);
}
