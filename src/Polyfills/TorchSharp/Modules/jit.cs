using System.Runtime.InteropServices;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>TorchScript: modules that PyTorch compiled and saved with <c>torch.jit.script(module).save(file)</c> or <c>torch.jit.trace</c>.</summary>
    public static partial class jit
    {
        /// <summary>Loads a module that PyTorch saved.</summary>
        /// <param name="filename">A TorchScript file.</param>
        /// <param name="device_type">Where its weights go.</param>
        /// <param name="device_index">Which GPU; -1 is the current one.</param>
        /// <exception cref="FileNotFoundException">There is no such file.</exception>
        /// <exception cref="ExternalException">The file is no TorchScript, is damaged, or was saved by a newer libtorch.</exception>
        /// <exception cref="InvalidOperationException">A GPU was asked for and there is none.</exception>
        public static ScriptModule load(string filename, DeviceType device_type = DeviceType.CPU, long device_index = -1) => new(Open(filename, At(device_type, device_index)));

        /// <inheritdoc cref="load(string, DeviceType, long)"/>
        public static ScriptModule load(string filename, Device map_location) => new(Open(filename, map_location));

        /// <inheritdoc cref="load(string, DeviceType, long)"/>
        public static ScriptModule load(string filename, string map_location) => new(Open(filename, device(map_location)));

        /// <summary>Loads a module from the bytes of a file.</summary>
        /// <inheritdoc cref="load(string, DeviceType, long)"/>
        public static ScriptModule load(byte[] bytes, DeviceType device_type = DeviceType.CPU, long device_index = -1) => new(Open(bytes, At(device_type, device_index)));

        /// <inheritdoc cref="load(byte[], DeviceType, long)"/>
        public static ScriptModule load(byte[] bytes, Device map_location) => new(Open(bytes, map_location));

        /// <inheritdoc cref="load(byte[], DeviceType, long)"/>
        public static ScriptModule load(byte[] bytes, string map_location) => new(Open(bytes, device(map_location)));

        /// <summary>Loads a module of one value.</summary>
        /// <inheritdoc cref="load(string, DeviceType, long)"/>
        public static ScriptModule<T1, TResult> load<T1, TResult>(string filename, DeviceType device_type = DeviceType.CPU, long device_index = -1) => new(Open(filename, At(device_type, device_index)));

        /// <inheritdoc cref="load{T1, TResult}(string, DeviceType, long)"/>
        public static ScriptModule<T1, TResult> load<T1, TResult>(string filename, Device map_location) => new(Open(filename, map_location));

        /// <summary>Loads a module of two values.</summary>
        /// <inheritdoc cref="load(string, DeviceType, long)"/>
        public static ScriptModule<T1, T2, TResult> load<T1, T2, TResult>(string filename, DeviceType device_type = DeviceType.CPU, long device_index = -1) => new(Open(filename, At(device_type, device_index)));

        /// <inheritdoc cref="load{T1, T2, TResult}(string, DeviceType, long)"/>
        public static ScriptModule<T1, T2, TResult> load<T1, T2, TResult>(string filename, Device map_location) => new(Open(filename, map_location));

        private static Device At(DeviceType type, long index) => new(type, checked((int)index));

        private static nint Open(string filename, Device device)
        {
            if (!File.Exists(filename))
            {
                throw new FileNotFoundException($"{filename} does not exist.", filename);
            }
            RequireAvailable(device);
            return Loaded(NativeMethods.dt_jit_load(filename, device.Packed), filename);
        }

        private static nint Open(byte[] bytes, Device device)
        {
            RequireAvailable(device);
            fixed (byte* memory = bytes)
            {
                return Loaded(NativeMethods.dt_jit_load_memory(memory, bytes.Length, device.Packed), $"these {bytes.Length} bytes");
            }
        }

        private static void RequireAvailable(Device device)
        {
            if (device.type == DeviceType.CUDA && !cuda.is_available())
            {
                throw new InvalidOperationException("CUDA is not available.");
            }
        }

        // libtorch speaks of archives and central directories; the caller wants to know which file, and what it should have been.
        private static nint Loaded(nint module, string origin)
        {
            if (module != 0)
            {
                return module;
            }
            try
            {
                NativeMethods.ThrowLastError();
            }
            catch (ExternalException reason)
            {
                throw new ExternalException($"Cannot load {origin} as TorchScript with libtorch {__version__}; is it whole, and made by torch.jit.script(module).save(file)? {reason.Message}", reason);
            }
            return 0;
        }
    }
}
