using System.Security.Cryptography;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>Seeds the default generators of every device.</summary>
    /// <returns>The default generator of the CPU.</returns>
    public static Generator manual_seed(long seed) => random.manual_seed(seed);

    /// <summary>The seed of the CPU's default generator.</summary>
    public static long initial_seed() => random.initial_seed();

    /// <summary>Seeds the default generators with a number that nobody can guess, and returns it.</summary>
    public static long seed() => random.seed();

    /// <summary>The state of the CPU's default generator.</summary>
    public static Tensor get_rng_state() => random.get_rng_state();

    /// <summary>Restores the state of the CPU's default generator.</summary>
    public static void set_rng_state(Tensor new_state) => random.set_rng_state(new_state);

    /// <summary>The default generator. The process has one, so threads that share it draw in no fixed order: pass a <see cref="Generator"/> instead.</summary>
    public static class random
    {
        /// <inheritdoc cref="torch.manual_seed(long)"/>
        public static Generator manual_seed(long seed)
        {
            NativeMethods.Check(NativeMethods.dt_manual_seed((ulong)seed));
            return Generator.Default;
        }

        /// <inheritdoc cref="torch.initial_seed()"/>
        public static long initial_seed()
        {
            using var generator = Generator.Default;
            return generator.initial_seed();
        }

        /// <inheritdoc cref="torch.seed()"/>
        public static long seed()
        {
            var seed = RandomSeed();
            manual_seed(seed).Dispose();
            return seed;
        }

        /// <inheritdoc cref="torch.get_rng_state()"/>
        public static Tensor get_rng_state()
        {
            using var generator = Generator.Default;
            return generator.get_state();
        }

        /// <inheritdoc cref="torch.set_rng_state(Tensor)"/>
        public static void set_rng_state(Tensor new_state)
        {
            using var generator = Generator.Default;
            generator.set_state(new_state);
        }
    }

    private static long RandomSeed()
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToInt64(bytes) & long.MaxValue;
    }

    /// <summary>A random generator of its own. What it yields depends on its seed and on what was drawn from it, on nothing else.</summary>
    /// <remarks>On the CPU the Mersenne Twister, on GPUs Philox. Not for use by several threads at once where order matters.</remarks>
    public class Generator : IDisposable
    {
        private nint handle;

        /// <summary>A generator with a seed, by default of the CPU.</summary>
        public Generator(ulong seed = 0, Device? device = null)
        {
            this.device = device ?? CPU;
            handle = NativeMethods.Check(NativeMethods.dt_generator_new(seed, this.device.Packed));
        }

        private Generator(nint ownedHandle)
        {
            device = CPU;
            handle = ownedHandle;
        }

        /// <summary>Releases the generator of a wrapper that nobody disposed.</summary>
        ~Generator() => Dispose(false);

        /// <summary>The CPU's default generator.</summary>
        public static Generator Default => new(NativeMethods.Check(NativeMethods.dt_generator_default()));

        /// <summary>The native generator, valid while this wrapper is alive and not disposed.</summary>
        public IntPtr Handle
        {
            get
            {
                ObjectDisposedException.ThrowIf(handle == 0, this);
                return handle;
            }
        }

        /// <summary>Where the generator draws.</summary>
        public Device device { get; }

        /// <summary>Starts over with a seed.</summary>
        /// <returns>This generator.</returns>
        public Generator manual_seed(long seed)
        {
            NativeMethods.Check(NativeMethods.dt_generator_seed(Handle, (ulong)seed));
            GC.KeepAlive(this);
            return this;
        }

        /// <summary>Starts over with a seed that nobody can guess, and returns it.</summary>
        public long seed()
        {
            var seed = RandomSeed();
            _ = manual_seed(seed);
            return seed;
        }

        /// <summary>The seed that was set last.</summary>
        public long initial_seed()
        {
            var seed = (long)NativeMethods.dt_generator_initial_seed(Handle);
            GC.KeepAlive(this);
            return seed;
        }

        /// <summary>Seed and position, as bytes.</summary>
        public Tensor get_state()
        {
            var state = new Tensor(NativeMethods.Check(NativeMethods.dt_generator_state(Handle)));
            GC.KeepAlive(this);
            return state;
        }

        /// <summary>Restores what <see cref="get_state"/> returned.</summary>
        public void set_state(Tensor value)
        {
            NativeMethods.Check(NativeMethods.dt_generator_set_state(Handle, value.Handle));
            GC.KeepAlive(this);
            GC.KeepAlive(value);
        }

        /// <summary>Releases the generator.</summary>
        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        /// <summary>Releases the generator.</summary>
        /// <param name="disposing">False on the finalizer's thread.</param>
        protected virtual void Dispose(bool disposing)
        {
            var held = Interlocked.Exchange(ref handle, 0);
            if (held != 0)
            {
                NativeMethods.dt_generator_free(held);
            }
        }
    }
}
