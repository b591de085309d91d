namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>One place in the brackets after a tensor: an index, a range, all, all that are left, a new dimension, a truth value or a tensor of indices.</summary>
    public struct TensorIndex
    {
        private IndexKind kind;
        private long? start;
        private long? stop;
        private long? step;
        private torch.Tensor? tensor;

        internal enum IndexKind
        {
            None,
            Single,
            Slice,
            Ellipsis,
            Bool,
            Tensor,
        }

        /// <summary>All of one dimension.</summary>
        public static TensorIndex Colon = Slice();

        /// <summary>All dimensions that nothing else is said about.</summary>
        public static TensorIndex Ellipsis = new() { kind = IndexKind.Ellipsis };

        /// <summary>A new dimension of size 1.</summary>
        public static TensorIndex None;

        /// <inheritdoc cref="None"/>
        public static TensorIndex Null;

        internal readonly IndexKind Kind => kind;

        internal readonly long? Start => start;

        internal readonly long? Stop => stop;

        internal readonly long? Step => step;

        internal readonly torch.Tensor? Indices => tensor;

        /// <summary>A range of one dimension, without <paramref name="stop"/>; negative ends count from the end.</summary>
        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) => new() { kind = IndexKind.Slice, start = start, stop = stop, step = step };

        /// <summary>A range of one dimension.</summary>
        public static TensorIndex Slice(Range range) => Slice(FromIndex(range.Start, isEnd: false), FromIndex(range.End, isEnd: true));

        /// <summary>One index; the dimension disappears.</summary>
        public static TensorIndex Single(long? index) => new() { kind = IndexKind.Single, start = index };

        /// <summary>A new dimension: of size 1 when true, of size 0 when false.</summary>
        public static TensorIndex Bool(bool value) => new() { kind = IndexKind.Bool, start = value ? 1 : 0 };

        /// <summary>Several indices of one dimension, or a mask of one or more.</summary>
        public static TensorIndex Tensor(torch.Tensor tensor) => new() { kind = IndexKind.Tensor, tensor = tensor };

        /// <summary>One index; the dimension disappears.</summary>
        public static implicit operator TensorIndex(long value) => Single(value);

        /// <summary>A range of one dimension.</summary>
        public static implicit operator TensorIndex(Range range) => Slice(range);

        /// <summary>One index, perhaps from the end; the dimension disappears.</summary>
        public static implicit operator TensorIndex(Index index) => Single(index.IsFromEnd ? -(long)index.Value : index.Value);

        private static long? FromIndex(Index index, bool isEnd) =>
            !index.IsFromEnd ? index.Value : index.Value > 0 ? -(long)index.Value : isEnd ? null : long.MaxValue;
    }
}
