using System.Numerics;

namespace Diffusion.Data;

/// <summary>Turns a few integers, such as (seed, epoch), into one 31-bit seed.</summary>
/// <remarks>
/// The value is CPython's hash of the tuple, modulo 2³¹. It is the field's own convention: a run with the same seed
/// visits the images in the same order as the reference implementation of EDM2.
/// </remarks>
public static class TupleSeed
{
    private const ulong Prime1 = 11400714785074694791;
    private const ulong Prime2 = 14029467366897019727;
    private const ulong Prime5 = 2870177450012600261;
    private const ulong Mersenne61 = (1UL << 61) - 1;

    /// <summary>Seed for a tuple of integers.</summary>
    /// <param name="values">The tuple; order matters.</param>
    /// <returns>A value in 0…2³¹−1.</returns>
    public static int Hash(params ReadOnlySpan<long> values) => (int)(PythonHash(values) & 0x7fffffff);

    /// <summary>CPython's 64-bit hash of the tuple (xxHash's rounds over the elements' hashes).</summary>
    internal static long PythonHash(ReadOnlySpan<long> values)
    {
        ulong accumulator = Prime5;
        foreach (long value in values)
        {
            accumulator += PythonHash(value) * Prime2;
            accumulator = BitOperations.RotateLeft(accumulator, 31);
            accumulator *= Prime1;
        }

        accumulator += (ulong)values.Length ^ (Prime5 ^ 3527539UL);

        // −1 reports an error in CPython's C interface, so that a hash may not have this value.
        return accumulator == ulong.MaxValue ? 1546275796 : (long)accumulator;
    }

    private static ulong PythonHash(long value)
    {
        ulong magnitude = value < 0 ? (ulong)-(value + 1) + 1 : (ulong)value;
        long hash = (long)(magnitude % Mersenne61);
        hash = value < 0 ? -hash : hash;
        return (ulong)(hash == -1 ? -2 : hash);
    }
}
