namespace Diffusion.Data;

/// <summary>Mersenne Twister with the draws of NumPy's legacy <c>RandomState</c>, on which the data order of EDM and EDM2 rests.</summary>
/// <remarks>MT19937 (Matsumoto and Nishimura 1998) with the classic one-word initialisation. Not thread-safe.</remarks>
public sealed class LegacyRandom
{
    private const int StateLength = 624;
    private const int Offset = 397;
    private readonly uint[] state = new uint[StateLength];
    private int next = StateLength;

    /// <summary>Starts the generator.</summary>
    /// <param name="seed">Any 32-bit seed; <see cref="TupleSeed"/> makes one of several integers.</param>
    public LegacyRandom(uint seed)
    {
        state[0] = seed;
        for (int i = 1; i < StateLength; i++)
        {
            state[i] = (1812433253u * (state[i - 1] ^ (state[i - 1] >> 30))) + (uint)i;
        }
    }

    /// <summary>Generator for a tuple of integers.</summary>
    /// <param name="values">See <see cref="TupleSeed.Hash"/>.</param>
    public static LegacyRandom ForTuple(params ReadOnlySpan<long> values) => new((uint)TupleSeed.Hash(values));

    /// <summary>Next 32 random bits.</summary>
    public uint NextUInt32()
    {
        if (next == StateLength)
        {
            Refill();
        }

        uint y = state[next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c5680u;
        y ^= (y << 15) & 0xefc60000u;
        return y ^ (y >> 18);
    }

    /// <summary>Uniform integer in 0…<paramref name="maximum"/>, both included, by masked rejection.</summary>
    /// <param name="maximum">Largest value; nothing is drawn for 0.</param>
    public uint Bounded(uint maximum)
    {
        if (maximum == 0)
        {
            return 0;
        }

        uint mask = uint.MaxValue >> System.Numerics.BitOperations.LeadingZeroCount(maximum);
        uint value;
        do
        {
            value = NextUInt32() & mask;
        }
        while (value > maximum);

        return value;
    }

    /// <summary>Uniform double in [0, 1) of 53 random bits.</summary>
    public double NextDouble()
    {
        uint high = NextUInt32() >> 5;
        uint low = NextUInt32() >> 6;
        return ((high * 67108864.0) + low) / 9007199254740992.0;
    }

    /// <summary>Shuffles in place, from the last element down.</summary>
    /// <param name="values">Elements to permute.</param>
    public void Shuffle(Span<int> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = (int)Bounded((uint)i);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>A shuffled 0…<paramref name="count"/>−1.</summary>
    /// <param name="count">Number of elements.</param>
    public int[] Permutation(int count)
    {
        int[] order = Enumerable.Range(0, count).ToArray();
        Shuffle(order);
        return order;
    }

    private void Refill()
    {
        for (int i = 0; i < StateLength; i++)
        {
            uint y = (state[i] & 0x80000000u) | (state[(i + 1) % StateLength] & 0x7fffffffu);
            state[i] = state[(i + Offset) % StateLength] ^ (y >> 1) ^ ((y & 1) != 0 ? 0x9908b0dfu : 0u);
        }

        next = 0;
    }
}
