using System.Runtime.InteropServices;
using Diffusion.Native.Collectives;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>A "device" of the CPU's memory, on a stream of the stand-in: additions take their turn among the transfers, on another thread.</summary>
internal sealed unsafe class StandInLane : IDeviceLane
{
    private readonly nint library;
    private readonly int device;
    private readonly List<nint> memory = [];

    /// <param name="library">The stand-in, loaded.</param>
    /// <param name="device">Number of the device.</param>
    public StandInLane(nint library, int device)
    {
        this.library = library;
        this.device = device;
        Bind();
        Handle = ((delegate* unmanaged[Cdecl]<nint>)Export("standin_stream_new"))();
    }

    public nint Handle { get; }

    public bool IsMarkReached => ((delegate* unmanaged[Cdecl]<nint, int>)Export("standin_stream_query"))(Handle) switch
    {
        0 => true,
        600 => false,
        var error => throw new DeviceFailedException($"Device {device} of the stand-in answers {error}."),
    };

    public void Bind() => ((delegate* unmanaged[Cdecl]<int, void>)Export("standin_set_device"))(device);

    public bool Reaches(Arena arena) => arena.IsOnCpu;

    public nint AddressOf(Arena arena) => arena.Address;

    public nint Allocate(long floats)
    {
        nint address = (nint)NativeMemory.AlignedAlloc((nuint)(floats * sizeof(float)), 64);
        memory.Add(address);
        return address;
    }

    public void Mark()
    {
    }

    // What computes here does so at once.
    public void Follow()
    {
    }

    public void Lead()
    {
    }

    public void Copy(nint destination, nint source, long bytes) => Run(() => Buffer.MemoryCopy((void*)source, (void*)destination, bytes, bytes));

    public void SumInOrder(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count)
    {
        var (from, order) = (sources.ToArray(), merges.ToArray());
        Run(() => Sum(destination, from, order, (int)count));
    }

    public void Dispose()
    {
        ((delegate* unmanaged[Cdecl]<nint, void>)Export("standin_stream_free"))(Handle);
        memory.ForEach(address => NativeMemory.AlignedFree((void*)address));
    }

    // The slow, obvious twin of the kernels.
    private static void Sum(nint destination, nint[] sources, int[] merges, int count)
    {
        var stack = new Stack<float[]>();
        for (int i = 0; i < sources.Length; i++)
        {
            stack.Push(new ReadOnlySpan<float>((void*)sources[i], count).ToArray());
            for (int j = 0; j < merges[i]; j++)
            {
                float[] right = stack.Pop();
                float[] left = stack.Pop();
                stack.Push([.. left.Zip(right, (a, b) => a + b)]);
            }
        }

        stack.Single().CopyTo(new Span<float>((void*)destination, count));
    }

    private nint Export(string name) => NativeLibrary.GetExport(library, name);

    private void Run(Action work) =>
        ((delegate* unmanaged[Cdecl]<nint, delegate* unmanaged[Cdecl]<nint, void>, nint, void>)Export("standin_stream_run"))(Handle, &Perform, GCHandle.ToIntPtr(GCHandle.Alloc(work)));

    [UnmanagedCallersOnly(CallConvs = [typeof(System.Runtime.CompilerServices.CallConvCdecl)])]
    private static void Perform(nint state)
    {
        var handle = GCHandle.FromIntPtr(state);
        var work = (Action)handle.Target!;
        handle.Free();
        work();
    }
}
