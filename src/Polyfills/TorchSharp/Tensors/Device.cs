using System.Globalization;

namespace TorchSharp;

/// <summary>Where a tensor lives, numbered as in libtorch.</summary>
public enum DeviceType
{
    /// <summary>Main memory.</summary>
    CPU = 0,

    /// <summary>An NVIDIA GPU (or an AMD one, in a libtorch built for ROCm).</summary>
    CUDA = 1,
}

public static unsafe partial class torch
{
    /// <summary>Main memory.</summary>
    public static readonly Device CPU = new(DeviceType.CPU);

    /// <summary>The current GPU.</summary>
    public static Device CUDA { get; } = new(DeviceType.CUDA);

    /// <summary>A device by its description, "cpu", "cuda" or "cuda:1".</summary>
    public static Device device(string description) => new(description);

    /// <summary>A device by type and number.</summary>
    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    /// <summary>A GPU by number.</summary>
    public static Device device(int index) => new(index);

    /// <summary>A type of device, and for GPUs a number.</summary>
    public class Device
    {
        /// <summary>The device described as "cpu", "cuda" or "cuda:1".</summary>
        /// <exception cref="ArgumentException">The description names no such device.</exception>
        public Device(string description)
        {
            var parts = description.Split(':');
            if (parts.Length > 2 || !Enum.TryParse<DeviceType>(parts[0], ignoreCase: true, out var parsed))
            {
                throw new ArgumentException($"'{description}' is no device. Use cpu, cuda or cuda:N.", nameof(description));
            }
            type = parsed;
            if (parts.Length == 2)
            {
                index = int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
                    : throw new ArgumentException($"'{description}' has no device number after the colon. Use cpu, cuda or cuda:N.", nameof(description));
            }
        }

        /// <summary>A device by type and number.</summary>
        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = index;
        }

        /// <summary>A GPU by number.</summary>
        public Device(int index)
            : this(DeviceType.CUDA, index)
        {
        }

        /// <summary>Main memory or GPU.</summary>
        public DeviceType type { get; }

        /// <summary>Which GPU; -1 is the current one, and main memory.</summary>
        public int index { get; } = -1;

        internal long Packed => ((long)type << 16) | ((long)index & 0xffff);

        /// <summary>The device by its description.</summary>
        public static implicit operator Device(string description) => new(description);

        /// <summary>"cpu", "cuda" or "cuda:1".</summary>
        public override string ToString()
        {
            var name = type == DeviceType.CPU ? "cpu" : "cuda";
            return type == DeviceType.CPU || index < 0 ? name : $"{name}:{index}";
        }

        internal static Device FromPacked(long packed)
        {
            var type = (DeviceType)(packed >> 16);
            return type == DeviceType.CPU ? CPU : new Device(type, (short)(packed & 0xffff));
        }
    }
}
