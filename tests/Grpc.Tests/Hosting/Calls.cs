using Grpc.Core;

namespace Grpc.Tests.Hosting;

internal static class Calls
{
    /// <summary>The exception a call ends with; the test fails when it succeeds or takes too long.</summary>
    public static async Task<RpcException> FailureAsync(Func<Task> call) => await Assert.ThrowsAsync<RpcException>(() => call().Soon());
}
