namespace TorchSharp;

/// <summary>
/// Collects garbage when tensors nobody disposed may hold much memory: the collector sees only wrappers of a few dozen bytes and would wait for gigabytes.
/// Scopes are the rule; this is the net below. It knows CPU memory only.
/// </summary>
internal static class MemoryBudget
{
    private const long StepBytes = 512L << 20;
    private const long CheckEvery = 64;
    private static long limitBytes = StepBytes;
    private static long created;

    internal static void TensorCreated(long count)
    {
        // Not exact under threads, and need not be.
        if (++created % CheckEvery == 0 && count > CheckEvery && NativeMethods.dt_live_bytes() > Volatile.Read(ref limitBytes))
        {
            Collect();
        }
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        // What is left is in use; a training step that swings below its own peak never comes here again.
        Volatile.Write(ref limitBytes, NativeMethods.dt_live_bytes() + StepBytes);
    }
}
