namespace MessagePack.Tests;

/// <summary>Random trees with a liking for boundaries.</summary>
internal sealed class RandomValues(int seed)
{
    private static readonly int[] Lengths = [0, 1, 2, 4, 8, 15, 16, 17, 31, 32, 255, 256];
    private readonly Random random = new(seed);

    public Value Next(int depth = 0) => random.Next(depth > 4 ? 7 : 9) switch
    {
        0 => new Value.Empty(),
        1 => new Value.Truth(random.Next(2) == 0),
        2 => new Value.Whole(Integer()),
        3 => new Value.Single(BitConverter.Int32BitsToSingle(random.Next() & ~0x7f800000 | 0x3f000000)),
        4 => new Value.Real(random.NextDouble() * Math.Pow(10, random.Next(-300, 300))),
        5 => new Value.Text(Text()),
        6 => random.Next(2) == 0 ? new Value.Blob(Hexadecimal(0)) : new Value.Extension((sbyte)random.Next(0, 128), Hexadecimal(1)),
        7 => new Value.List([.. Enumerable.Range(0, random.Next(20)).Select(_ => Next(depth + 1))]),
        _ => new Value.Table([.. Enumerable.Range(0, random.Next(20)).Select(index => ((Value)new Value.Text($"{index} {Text()}"), Next(depth + 1)))]),
    };

    private Int128 Integer()
    {
        var boundary = Int128.One << random.Next(0, 65);
        var near = boundary + random.Next(-2, 3);
        near = random.Next(2) == 0 ? near : -near;
        return Int128.Clamp(near, long.MinValue, ulong.MaxValue);
    }

    private string Text()
    {
        const string Characters = "aZ0 \n\"ä→𝄞";
        var runes = Characters.EnumerateRunes().ToArray();
        return string.Concat(Enumerable.Range(0, Lengths[random.Next(10)]).Select(_ => runes[random.Next(runes.Length)]));
    }

    private string Hexadecimal(int least)
    {
        var bytes = new byte[Math.Max(least, Lengths[random.Next(Lengths.Length)])];
        random.NextBytes(bytes);
        return Convert.ToHexString(bytes);
    }
}
