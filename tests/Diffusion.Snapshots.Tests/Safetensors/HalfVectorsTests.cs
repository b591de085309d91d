using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Safetensors;

public sealed class HalfVectorsTests
{
    [Fact]
    public void Widen_EveryHalf_IsExact()
    {
        // In order, where vectors hold one kind of number, and shuffled, where kinds meet.
        ushort[] bits = [.. Enumerable.Range(0, 1 << 16).Select(i => (ushort)i)];
        ushort[] shuffled = [.. bits];
        new Random(1).Shuffle(shuffled);
        Half[] all = [.. bits.Concat(shuffled).Select(BitConverter.UInt16BitsToHalf)];
        var wide = new float[all.Length];
        HalfVectors.Widen(all, wide);
        for (int i = 0; i < all.Length; i++)
        {
            Assert.True(Half.IsNaN(all[i]) ? float.IsNaN(wide[i]) : BitConverter.SingleToUInt32Bits((float)all[i]) == BitConverter.SingleToUInt32Bits(wide[i]), $"{all[i]}: {wide[i]:R}");
        }
    }

    [Fact]
    public void Narrow_EveryHalfItsNeighboursAndAllTies_RoundLikeHalf()
    {
        // Around every float16 and around the middle to the next one: the float32 itself and those beside it.
        var values = new List<float> { float.MaxValue, float.MinValue, float.Epsilon, -float.Epsilon };
        for (int bits = 0; bits < 1 << 16; bits++)
        {
            float value = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            float middle = (float)(((double)value + (float)BitConverter.UInt16BitsToHalf((ushort)(bits + 1))) / 2);
            values.AddRange([value, MathF.BitIncrement(value), MathF.BitDecrement(value), middle, MathF.BitIncrement(middle), MathF.BitDecrement(middle)]);
        }

        var narrow = new Half[values.Count];
        HalfVectors.Narrow(values.ToArray(), narrow);
        for (int i = 0; i < narrow.Length; i++)
        {
            Half expected = (Half)values[i];
            Assert.True(Half.IsNaN(expected) ? Half.IsNaN(narrow[i]) : BitConverter.HalfToUInt16Bits(expected) == BitConverter.HalfToUInt16Bits(narrow[i]), $"{values[i]:R}: {narrow[i]}, expected {expected}");
        }
    }
}
