namespace TorchSharp;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(byte value) => torch.tensor(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(sbyte value) => torch.FromScalar(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(short value) => torch.FromScalar(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(int value) => torch.tensor(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(long value) => torch.tensor(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(float value) => torch.tensor(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(double value) => torch.tensor(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(bool value) => torch.tensor(value);

        /// <summary>A tensor of no dimensions with this value.</summary>
        public static implicit operator Tensor(Scalar scalar) => torch.FromScalar(scalar);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(byte[] value) => torch.FromArray<byte>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(sbyte[] value) => torch.FromArray<sbyte>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(short[] value) => torch.FromArray<short>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(int[] value) => torch.FromArray<int>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(long[] value) => torch.FromArray<long>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(float[] value) => torch.FromArray<float>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(double[] value) => torch.FromArray<double>(value, [value.LongLength], null, null, false);

        /// <summary>A copy of the array in one dimension.</summary>
        public static implicit operator Tensor(bool[] value) => torch.FromArray<bool>(value, [value.LongLength], null, null, false);

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator float(Tensor value) => value.ToSingle();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator double(Tensor value) => value.ToDouble();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator byte(Tensor value) => value.ToByte();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator sbyte(Tensor value) => value.ToSByte();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator short(Tensor value) => value.ToInt16();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator int(Tensor value) => value.ToInt32();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator long(Tensor value) => value.ToInt64();

        /// <summary>The value of a tensor with one element.</summary>
        public static explicit operator bool(Tensor value) => value.ToBoolean();
    }
}
