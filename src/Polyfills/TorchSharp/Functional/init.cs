namespace TorchSharp;

public static unsafe partial class torch
{
    public static partial class nn
    {
        /// <summary>First values of weights. Everything is done in place and without recording.</summary>
        public static class init
        {
            /// <summary>Sets every element to a value.</summary>
            public static Tensor constant_(Tensor tensor, Scalar val) => Unrecorded(tensor, x => x.fill_(val));

            /// <summary>Sets every element to zero.</summary>
            public static Tensor zeros_(Tensor tensor) => Unrecorded(tensor, x => x.zero_());

            /// <summary>Sets every element to one.</summary>
            public static Tensor ones_(Tensor tensor) => Unrecorded(tensor, x => x.fill_(1));

            /// <summary>Draws every element from a normal distribution.</summary>
            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null) => Unrecorded(tensor, x => x.normal_(mean, std, generator));

            /// <summary>Draws every element from low…high.</summary>
            public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null) =>
                Unrecorded(tensor, x => x.uniform_(low, high, generator));

            /// <summary>Uniform in ±gain · √(6/(fan in + fan out)).</summary>
            public static Tensor xavier_uniform_(Tensor tensor, double gain = 1)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                var bound = gain * Math.Sqrt(6.0 / (fanIn + fanOut));
                return uniform_(tensor, -bound, bound);
            }

            /// <summary>Normal with standard deviation gain · √(2/(fan in + fan out)).</summary>
            public static Tensor xavier_normal_(Tensor tensor, double gain = 1)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return normal_(tensor, 0, gain * Math.Sqrt(2.0 / (fanIn + fanOut)));
            }

            /// <summary>The inputs that one output of a weight [out, in, …] sees, and the outputs that see one input.</summary>
            /// <exception cref="ArgumentException">The weight has fewer than two dimensions.</exception>
            public static (long fanIn, long fanOut) CalculateFanInAndFanOut(Tensor tensor)
            {
                var shape = tensor.shape;
                if (shape.Length < 2)
                {
                    throw new ArgumentException($"A weight of {shape.Length} dimensions has no fan in and fan out; it needs two.", nameof(tensor));
                }
                var receptiveField = shape.Skip(2).TotalSize();
                return (shape[1] * receptiveField, shape[0] * receptiveField);
            }

            private static Tensor Unrecorded(Tensor tensor, Func<Tensor, Tensor> change)
            {
                using var unrecorded = no_grad();
                return change(tensor);
            }
        }
    }
}
