using System.Runtime.InteropServices;
using TorchSharp;

namespace Diffusion.Native;

/// <summary>All tensors of a network in one flat, contiguous float32 tensor. Weights, gradients, moments and averages are arenas of one layout.</summary>
/// <remarks>The arena owns its memory; views of it must not outlive it. Padding is zero from the start and stays so: every kernel maps zero to zero.</remarks>
public sealed class Arena : IDisposable
{
    private readonly nint address;
    private bool disposed;

    /// <summary>Allocates an arena of zeros that no dispose scope owns.</summary>
    /// <param name="layout">Order and shapes of the tensors.</param>
    /// <param name="device">Where the memory is.</param>
    /// <value>The CPU when <paramref name="device"/> is null.</value>
    public Arena(ArenaLayout layout, torch.Device? device = null)
    {
        Layout = layout;
        Flat = torch.zeros([layout.Length], dtype: torch.ScalarType.Float32, device: device ?? torch.CPU).DetachFromDisposeScope();
        if (IsOnCpu)
        {
            using var first = Flat.narrow(0, 0, 1);
            unsafe
            {
                fixed (byte* pointer = first.bytes)
                {
                    address = (nint)pointer;
                }
            }
        }
    }

    /// <summary>Order and shapes of the tensors.</summary>
    public ArenaLayout Layout { get; }

    /// <summary>The whole arena, <c>[Length] float32</c>. Owned by the arena: do not dispose it.</summary>
    public torch.Tensor Flat { get; }

    /// <summary>Length in floats, padding included.</summary>
    public long Length => Layout.Length;

    /// <summary>Whether the memory can be reached by pointers and spans.</summary>
    public bool IsOnCpu => Flat.device_type == DeviceType.CPU;

    /// <summary>Address of the first float.</summary>
    /// <exception cref="InvalidOperationException">The arena is not in the CPU's memory.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            return address != 0
                ? address
                : throw new InvalidOperationException($"The arena is on {Flat.device}; only memory of the CPU has an address here. Copy it into an arena on the CPU first.");
        }
    }

    /// <summary>A view of one slot in its own shape. The caller disposes it.</summary>
    /// <param name="slot">Number of the slot.</param>
    public torch.Tensor View(int slot)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var place = Layout.Slots[slot];
        using var narrow = Flat.narrow(0, place.Offset, place.Length);
        return narrow.view([.. place.Shape]);
    }

    /// <summary>A view of one slot in its own shape. The caller disposes it.</summary>
    /// <param name="name">Name of the slot.</param>
    public torch.Tensor View(string name) => View(Layout.IndexOf(name));

    /// <summary>Part of the arena's memory. Larger arenas than 2^31 − 1 floats are read in several parts.</summary>
    /// <param name="offset">First float.</param>
    /// <param name="length">Number of floats.</param>
    public unsafe Span<float> Span(long offset, int length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"[{offset}, {offset + length}) does not lie in an arena of {Length} floats.");
        }

        return new Span<float>((float*)Address + offset, length);
    }

    /// <summary>The floats of one slot, without padding.</summary>
    /// <param name="slot">Number of the slot.</param>
    public Span<float> Span(int slot) => Span(Layout.Slots[slot].Offset, checked((int)Layout.Slots[slot].Length));

    /// <summary>The bytes of a part of the arena, as they are written to files and to the wire (little-endian float32).</summary>
    /// <param name="offset">First float.</param>
    /// <param name="length">Number of floats, at most 2^29 − 1.</param>
    public Span<byte> Bytes(long offset, int length) => MemoryMarshal.AsBytes(Span(offset, length));

    /// <summary>Sets everything to zero in one pass.</summary>
    public void Zero()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        using var guard = torch.no_grad();
        Flat.zero_();
    }

    /// <summary>Copies another arena of the same layout, from any device.</summary>
    /// <param name="source">What to copy.</param>
    public void CopyFrom(Arena source)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RequireSameLayout(source);
        using var guard = torch.no_grad();
        Flat.copy_(source.Flat);
    }

    /// <summary>Throws unless another arena has the same layout.</summary>
    /// <param name="other">The arena to be combined with this one.</param>
    /// <exception cref="ArgumentException">The layouts differ.</exception>
    public void RequireSameLayout(Arena other)
    {
        if (!ReferenceEquals(Layout, other.Layout) && Layout.Digest != other.Layout.Digest)
        {
            throw new ArgumentException($"Arenas of layouts {Layout.Digest[..12]} ({Layout.Slots.Count} slots, {Length} floats) and {other.Layout.Digest[..12]} ({other.Layout.Slots.Count} slots, {other.Length} floats) cannot be combined; both must come from one manifest.", nameof(other));
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            Flat.Dispose();
        }
    }
}
