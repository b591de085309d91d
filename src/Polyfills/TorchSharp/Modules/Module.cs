namespace TorchSharp;

public static unsafe partial class torch
{
    public static partial class nn
    {
        /// <summary>A network with its weights. Here the base of what <see cref="jit.load(string, DeviceType, long)"/> returns, and nothing else.</summary>
        public class Module : IDisposable
        {
            internal Module()
            {
            }

            /// <summary>Whether the module behaves as in training, with dropout and batch statistics.</summary>
            public virtual bool training => true;

            /// <summary>Lets the module behave as in training, or not.</summary>
            public virtual void train(bool train = true) => throw new NotSupportedException("This module has no modes.");

            /// <summary>Lets the module behave as in use: no dropout, running statistics.</summary>
            public virtual void eval() => train(false);

            /// <summary>Releases the module and its weights.</summary>
            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            /// <summary>Releases the module.</summary>
            /// <param name="disposing">False on the finalizer's thread.</param>
            protected virtual void Dispose(bool disposing) => Release();

            /// <summary>Frees what is native; may be called twice.</summary>
            internal virtual void Release()
            {
            }

            /// <summary>Moves and converts the weights in place; null leaves device or type as they are.</summary>
            internal virtual void MoveTo(Device? device, ScalarType? type, bool nonBlocking) => throw new NotSupportedException("This module cannot be moved.");
        }

        /// <summary>A function of one value.</summary>
        public interface IModule<T, TResult>
        {
            /// <summary>Runs the module.</summary>
            TResult call(T input1);
        }

        /// <summary>A function of two values.</summary>
        public interface IModule<T1, T2, TResult>
        {
            /// <summary>Runs the module.</summary>
            TResult call(T1 input1, T2 input2);
        }
    }
}
