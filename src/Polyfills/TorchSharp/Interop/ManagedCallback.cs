using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.ExceptionServices;

namespace TorchSharp;

/// <summary>
/// Carries an exception of a managed callback through native frames: the callback returns a number, libtorch's own unwinding carries it
/// (on CUDA from the engine's thread to the caller's), and the caller rethrows the exception itself.
/// </summary>
internal static class ManagedCallback
{
    private const string Marker = "managed callback failed: ";
    private static readonly ConcurrentDictionary<long, ExceptionDispatchInfo> Pending = new();
    private static long lastNumber;

    internal static long Keep(Exception exception)
    {
        var number = Interlocked.Increment(ref lastNumber);
        Pending[number] = ExceptionDispatchInfo.Capture(exception);
        return number;
    }

    internal static void RethrowIfNamedIn(string message)
    {
        var start = message.IndexOf(Marker, StringComparison.Ordinal);
        if (start < 0)
        {
            return;
        }
        var digits = message.AsSpan(start + Marker.Length);
        var end = digits.IndexOfAnyExceptInRange('0', '9');
        if (long.TryParse(end < 0 ? digits : digits[..end], CultureInfo.InvariantCulture, out var number) && Pending.TryRemove(number, out var exception))
        {
            exception.Throw();
        }
    }
}
