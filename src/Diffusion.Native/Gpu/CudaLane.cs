using Diffusion.Native.Collectives;
#if !USE_PACKAGES
using System.Runtime.InteropServices;
using TorchSharp;
#endif

namespace Diffusion.Native;

/// <summary>A GPU's memory and a stream of libtorch's beside the one that computes. Belongs to the rank's thread.</summary>
public static class CudaLane
{
    /// <summary>Opens one on a GPU. Null in builds on the published TorchSharp package, which knows no streams: gradients then go through main memory.</summary>
    /// <param name="device">libtorch's name, e.g. cuda:1.</param>
    /// <exception cref="DeviceFailedException">The GPU does not answer.</exception>
    public static IDeviceLane? Open(string device)
    {
#if USE_PACKAGES
        return null;
#else
        try
        {
            return new Lane(torch.device(device));
        }
        catch (ExternalException e)
        {
            throw Failed(device, e);
        }
#endif
    }

#if !USE_PACKAGES
    private static DeviceFailedException Failed(string device, Exception e) =>
        new($"{device} has failed: {e.Message.Trim()} Look at nvidia-smi and at the kernel's log; a GPU that has failed works again after a reset or a restart of the box.", e);

    private sealed class Lane : IDeviceLane
    {
        private readonly torch.Device device;
        private readonly int number;
        private readonly long stream;
        private readonly nint native;
        private readonly nint followed;
        private readonly nint led;
        private readonly nint mark;

        // Memory by its first address: what is asked for by address is done by libtorch on views.
        private readonly Dictionary<nint, torch.Tensor> memory = [];
        private readonly List<torch.Tensor> own = [];

        public Lane(torch.Device device)
        {
            number = Math.Max(0, device.index);
            this.device = torch.device(FormattableString.Invariant($"cuda:{number}"));
            Bind();
            stream = CudaBridge.NewStream(this.device, highPriority: true);
            native = CudaBridge.NativeStream(this.device, stream);
            followed = CudaBridge.NewEvent(this.device);
            led = CudaBridge.NewEvent(this.device);
            mark = CudaBridge.NewEvent(this.device);
        }

        public nint Handle => native;

        public bool IsMarkReached => Try(() => CudaBridge.Query(mark));

        public void Bind() => _ = CudaBridge.ExchangeDevice(number);

        public bool Reaches(Arena arena) => arena.Flat.device_type == DeviceType.CUDA && arena.Flat.device.index == number;

        public nint AddressOf(Arena arena)
        {
            nint address = NativeHooks.DataPointer(arena.Flat);
            memory[address] = arena.Flat;
            return address;
        }

        public nint Allocate(long floats)
        {
            // Taken on the side stream: what the other one may still do to memory that it has given back is no matter here.
            var taken = On(() => torch.empty([floats], dtype: torch.ScalarType.Float32, device: device).DetachFromDisposeScope());
            nint address = NativeHooks.DataPointer(taken);
            memory[address] = taken;
            own.Add(taken);
            return address;
        }

        public void Follow() => Order(followed, CudaBridge.CurrentStream(device), stream);

        public void Lead() => Order(led, stream, CudaBridge.CurrentStream(device));

        public void Mark() => Try(() =>
        {
            CudaBridge.Record(mark, device, stream);
            return true;
        });

        public void Copy(nint destination, nint source, long bytes)
        {
            Bind();
            CudaDriver.Copy(destination, source, bytes, native);
        }

        public void SumInOrder(nint destination, ReadOnlySpan<nint> sources, ReadOnlySpan<int> merges, long count)
        {
            var (from, order) = (sources.ToArray(), merges.ToArray());
            On(() =>
            {
                using var guard = torch.no_grad();
                using var scope = torch.NewDisposeScope();
                var stack = new Stack<(torch.Tensor Sum, bool IsOwn)>();
                for (int i = 0; i < from.Length; i++)
                {
                    stack.Push((View(from[i], count), false));
                    for (int j = 0; j < order[i]; j++)
                    {
                        var right = stack.Pop().Sum;
                        var (left, isOwn) = stack.Pop();
                        stack.Push((isOwn ? left.add_(right) : left.add(right), true));
                    }
                }

                if (from.Length != 1 || from[0] != destination)
                {
                    View(destination, count).copy_(stack.Single().Sum);
                }

                return true;
            });
        }

        public void Dispose()
        {
            own.ForEach(tensor => tensor.Dispose());
            memory.Clear();
            CudaBridge.Free(followed);
            CudaBridge.Free(led);
            CudaBridge.Free(mark);
        }

        private torch.Tensor View(nint address, long count)
        {
            foreach (var (first, tensor) in memory)
            {
                long offset = (address - first) / sizeof(float);
                if (address >= first && offset + count <= tensor.NumberOfElements)
                {
                    return tensor.narrow(0, offset, count);
                }
            }

            throw new ArgumentException($"{count} floats at {address:x} lie in no memory of this lane.", nameof(address));
        }

        private void Order(nint @event, long first, long second) => Try(() =>
        {
            CudaBridge.Record(@event, device, first);
            CudaBridge.Block(@event, device, second);
            return true;
        });

        private T On<T>(Func<T> work) => Try(() =>
        {
            long before = CudaBridge.ExchangeStream(device, stream);
            try
            {
                return work();
            }
            finally
            {
                _ = CudaBridge.ExchangeStream(device, before);
            }
        });

        private T Try<T>(Func<T> work)
        {
            try
            {
                return work();
            }
            catch (ExternalException e) when (!DeviceMemory.IsExhausted(e))
            {
                throw Failed(device.ToString(), e);
            }
        }
    }
#endif
}
