using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Diffusion.Native;

/// <summary>One tensor's place in an arena.</summary>
/// <param name="Name">The field's own parameter name.</param>
/// <param name="Shape">Sizes of the tensor; empty for a scalar.</param>
/// <param name="Offset">First element, in floats from the start of the arena; a multiple of 64.</param>
/// <param name="Length">Number of elements, without padding.</param>
public sealed record ArenaSlot(string Name, IReadOnlyList<long> Shape, long Offset, long Length);

/// <summary>Order and place of every parameter in one flat float32 buffer. Fixed in a run's manifest and never derived again.</summary>
/// <remarks>Slots begin at multiples of 256 bytes; what lies between them is padding and always zero, so that sums, norms and digests may run over all of it.</remarks>
public sealed class ArenaLayout
{
    /// <summary>Slots begin at multiples of this many floats (256 bytes).</summary>
    public const int AlignmentFloats = 64;

    private readonly ArenaSlot[] slots;
    private readonly Dictionary<string, int> slotByName;

    /// <summary>Lays tensors out in the given order.</summary>
    /// <param name="tensors">Name and shape of each; names are unique, sizes positive.</param>
    /// <exception cref="ArgumentException">A name is empty or repeated, a size is not positive, or there is nothing to lay out.</exception>
    public ArenaLayout(IEnumerable<(string Name, IReadOnlyList<long> Shape)> tensors)
    {
        var placed = new List<ArenaSlot>();
        slotByName = new Dictionary<string, int>(StringComparer.Ordinal);
        long offset = 0;
        foreach (var (name, shape) in tensors)
        {
            var slot = new ArenaSlot(name, [.. shape], offset, CountElements(name, shape));
            if (string.IsNullOrEmpty(name) || !slotByName.TryAdd(name, placed.Count))
            {
                throw new ArgumentException($"Parameter name \"{name}\" is {(string.IsNullOrEmpty(name) ? "empty" : "used twice")}; every slot of an arena needs a name of its own.", nameof(tensors));
            }

            placed.Add(slot);
            offset = RoundUp(checked(offset + slot.Length));
        }

        if (placed.Count == 0)
        {
            throw new ArgumentException("There are no tensors; an arena needs at least one slot.", nameof(tensors));
        }

        slots = [.. placed];
        Length = offset;
        Digest = ComputeDigest();
    }

    /// <summary>All slots, in order.</summary>
    public IReadOnlyList<ArenaSlot> Slots => slots;

    /// <summary>Length of the whole arena in floats, padding included.</summary>
    public long Length { get; }

    /// <summary>SHA-256 over names, shapes and offsets, in hex: equal if and only if two arenas can be exchanged byte for byte.</summary>
    public string Digest { get; }

    /// <summary>Number of the slot with this name.</summary>
    /// <param name="name">A parameter name.</param>
    /// <exception cref="KeyNotFoundException">The layout has no such name.</exception>
    public int IndexOf(string name) => slotByName.TryGetValue(name, out int slot)
        ? slot
        : throw new KeyNotFoundException($"The arena has no slot \"{name}\"; it has {slots.Length} slots, from \"{slots[0].Name}\" to \"{slots[^1].Name}\".");

    private static long RoundUp(long floats) => checked((floats + AlignmentFloats - 1) / AlignmentFloats * AlignmentFloats);

    private static long CountElements(string name, IReadOnlyList<long> shape)
    {
        long elements = 1;
        foreach (long size in shape)
        {
            if (size < 1)
            {
                throw new ArgumentException($"\"{name}\" has shape [{string.Join(", ", shape)}]; every size must be positive.", nameof(shape));
            }

            elements = checked(elements * size);
        }

        return elements;
    }

    private string ComputeDigest()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[8];
        void Append(long value, Span<byte> bytes)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            sha.AppendData(bytes);
        }

        foreach (var slot in slots)
        {
            byte[] name = Encoding.UTF8.GetBytes(slot.Name);
            Append(name.Length, number);
            sha.AppendData(name);
            Append(slot.Shape.Count, number);
            foreach (long size in slot.Shape)
            {
                Append(size, number);
            }

            Append(slot.Offset, number);
        }

        Append(Length, number);
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }
}
