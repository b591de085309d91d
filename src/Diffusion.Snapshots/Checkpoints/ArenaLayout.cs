using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Diffusion.Snapshots.Checkpoints;

/// <summary>Where one tensor lies in an arena.</summary>
/// <param name="Name">Name in the state dictionary.</param>
/// <param name="Shape">Dimensions; empty for a scalar.</param>
/// <param name="Offset">First element in the arena.</param>
public sealed record ArenaSlot(string Name, IReadOnlyList<long> Shape, long Offset)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (count, size) => checked(count * size));
}

/// <summary>The order and places of a network's tensors in its flat float32 arenas. Padding between slots is not saved.</summary>
public sealed class ArenaLayout
{
    /// <summary>Creates a layout.</summary>
    /// <param name="slots">In the order of their offsets; names differ and slots do not overlap.</param>
    /// <exception cref="ArgumentException">They do.</exception>
    public ArenaLayout(IReadOnlyList<ArenaSlot> slots)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        long end = 0;
        foreach (var slot in slots)
        {
            if (!names.Add(slot.Name) || slot.Offset < end)
            {
                throw new ArgumentException($"Slot '{slot.Name}' at element {slot.Offset}: names are unique and slots in order; the one before ends at {end}.", nameof(slots));
            }

            end = checked(slot.Offset + slot.Count);
        }

        Slots = [.. slots];
        Length = end;
        Digest = DigestOf(slots);
    }

    /// <summary>The tensors in order.</summary>
    public IReadOnlyList<ArenaSlot> Slots { get; }

    /// <summary>Elements from the arena's start to the end of the last slot.</summary>
    public long Length { get; }

    /// <summary>SHA-256 of names, shapes and offsets: two arenas of the same digest are interchangeable byte by byte.</summary>
    public string Digest { get; }

    /// <summary>A layout of one nameless block, for state that has no tensors.</summary>
    public static ArenaLayout Block(long count) => new([new ArenaSlot("values", [count], 0)]);

    private static string DigestOf(IReadOnlyList<ArenaSlot> slots)
    {
        var text = new StringBuilder();
        foreach (var slot in slots)
        {
            // Lengths in front keep names with odd characters apart.
            text.Append(CultureInfo.InvariantCulture, $"{slot.Name.Length}:{slot.Name} [{string.Join(',', slot.Shape)}] @{slot.Offset}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}

/// <summary>Gives <paramref name="count"/> values of an arena from element <paramref name="offset"/> on; the span is used before the next call.</summary>
public delegate ReadOnlySpan<float> ArenaSource(long offset, int count);

/// <summary>Takes values of an arena that start at element <paramref name="offset"/>.</summary>
public delegate void ArenaSink(long offset, ReadOnlySpan<float> values);

/// <summary>One arena to be saved: parameters, a moment of Adam, an average.</summary>
/// <param name="Name">Name of its file, without extension: letters, digits, '.', '-' and '_'.</param>
/// <param name="Source">Its values, asked for in ascending order and in pieces of at most <see cref="CheckpointWriter.ChunkElements"/>.</param>
/// <param name="Layout">Its layout, where that is not the one of the weights.</param>
public sealed record CheckpointArena(string Name, ArenaSource Source, ArenaLayout? Layout = null)
{
    /// <summary>An arena that lies in managed memory.</summary>
    public static CheckpointArena FromMemory(string name, ReadOnlyMemory<float> values)
        => new(name, (offset, count) => values.Span.Slice((int)offset, count));
}
