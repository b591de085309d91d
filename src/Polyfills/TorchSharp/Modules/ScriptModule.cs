using System.Runtime.InteropServices;

namespace TorchSharp;

public static unsafe partial class torch
{
    public static partial class jit
    {
        /// <summary>A loaded module. Runs as it was saved, without being optimized on the way: equal inputs have equal results from the first call on.</summary>
        /// <remarks>One thread at a time may move or convert it; running it is safe from several.</remarks>
        public class ScriptModule : nn.Module
        {
            private nint handle;

            internal ScriptModule(nint ownedHandle) => handle = ownedHandle;

            /// <summary>Releases a module that nobody disposed.</summary>
            ~ScriptModule() => Dispose(false);

            /// <inheritdoc/>
            public override bool training
            {
                get
                {
                    var found = NativeMethods.dt_jit_training(Handle);
                    GC.KeepAlive(this);
                    NativeMethods.Check(found);
                    return found != 0;
                }
            }

            private nint Handle => handle != 0 ? handle : throw new ObjectDisposedException(nameof(ScriptModule));

            /// <inheritdoc/>
            public override void train(bool on = true)
            {
                NativeMethods.Check(NativeMethods.dt_jit_train(Handle, on ? 1 : 0));
                GC.KeepAlive(this);
            }

            /// <inheritdoc/>
            public override void eval() => train(false);

            /// <summary>How many values <c>forward</c> takes.</summary>
            public int GetNumberOfInputs()
            {
                var count = NativeMethods.dt_jit_argument_count(Handle, "forward");
                GC.KeepAlive(this);
                NativeMethods.Check(count);
                return count;
            }

            /// <summary>Runs the module.</summary>
            /// <param name="input">Tensors, arrays of tensors, scalars, numbers, truth values.</param>
            /// <returns>A <see cref="Tensor"/>, a tuple or array of them, a <see cref="Scalar"/>, or null, as the script says. Tensors belong to the caller or the current scope.</returns>
            /// <exception cref="ExternalException">The script failed, or does not take such values.</exception>
            public object call(params object[] input) => forward(input);

            /// <inheritdoc cref="call(object[])"/>
            public object forward(params object[] input) => invoke("forward", input);

            /// <summary>Runs a method of the module.</summary>
            /// <param name="name">A method that the script exports.</param>
            /// <param name="objs">As for <see cref="call(object[])"/>.</param>
            /// <inheritdoc cref="call(object[])" path="/returns"/>
            public object invoke(string name, params object[] objs)
            {
                ArgumentException.ThrowIfNullOrEmpty(name);
                var arguments = Array.ConvertAll(objs, ToArgument);
                var values = new NativeValue[arguments.Length];
                var words = new long[arguments.Sum(a => a.Words)];
                NativeValue result;
                fixed (NativeValue* first = values)
                {
                    fixed (long* room = words)
                    {
                        var used = room;
                        for (var i = 0; i < arguments.Length; i++)
                        {
                            arguments[i].WriteTo(first + i, used);
                            used += arguments[i].Words;
                        }
                        NativeMethods.Check(NativeMethods.dt_jit_call(Handle, name, first, arguments.Length, &result));
                    }
                }
                GC.KeepAlive(objs);
                GC.KeepAlive(this);
                return Returned(result);
            }

            /// <summary>Runs a method and converts its result.</summary>
            /// <inheritdoc cref="invoke(string, object[])"/>
            public TResult invoke<TResult>(string name, params object[] inputs) => As<TResult>(invoke(name, inputs), name);

            internal static TResult As<TResult>(object value, string name) => value is TResult result ? result
                : throw new InvalidCastException($"{name} of the TorchScript module returned {(value is null ? "nothing" : value.GetType().Name)}, not {typeof(TResult).Name}.");

            internal override void Release()
            {
                var held = Interlocked.Exchange(ref handle, 0);
                if (held != 0)
                {
                    NativeMethods.dt_jit_free(held);
                }
            }

            internal override void MoveTo(Device? device, ScalarType? type, bool nonBlocking)
            {
                if (device is not null)
                {
                    RequireAvailable(device);
                }
                NativeMethods.Check(NativeMethods.dt_jit_to(Handle, device?.Packed ?? -1, type is { } known ? (int)known : -1, nonBlocking ? 1 : 0));
                GC.KeepAlive(this);
            }

            private static Argument ToArgument(object value) => value switch
            {
                null => Argument.Absent,
                Tensor tensor => tensor,
                Tensor[] tensors => tensors,
                Scalar scalar => scalar,
                bool truth => truth,
                int number => (long)number,
                long number => number,
                float number => (double)number,
                double number => number,
                _ => throw new NotSupportedException($"An argument of type {value.GetType().Name} cannot be passed to TorchScript; give a Tensor, Tensor[], Scalar, bool, int, long, float, double or null."),
            };

            private static object Returned(NativeValue value)
            {
                switch ((ArgumentTag)value.Tag)
                {
                    case ArgumentTag.Tensor:
                        return new Tensor((nint)value.Bits);
                    case ArgumentTag.Tensors:
                        return Several(value);
                    case ArgumentTag.Tuple:
                        return Several(value) switch
                        {
                            [var only] => only,
                            [var a, var b] => (a, b),
                            [var a, var b, var c] => (a, b, c),
                            [var a, var b, var c, var d] => (a, b, c, d),
                            [var a, var b, var c, var d, var e] => (a, b, c, d, e),
                            var more => more,
                        };
                    case ArgumentTag.Int:
                        return (Scalar)value.Bits;
                    case ArgumentTag.Double:
                        return (Scalar)BitConverter.Int64BitsToDouble(value.Bits);
                    case ArgumentTag.Bool:
                        return (Scalar)(value.Bits != 0);
                    default:
                        return null!;
                }
            }

            private static Tensor[] Several(NativeValue value)
            {
                var tensors = new Tensor[value.Count];
                for (var i = 0; i < tensors.Length; i++)
                {
                    tensors[i] = new Tensor(((nint*)value.Bits)[i]);
                }
                return tensors;
            }
        }

        /// <summary>What the modules with a known signature have in common.</summary>
        public class HookableScriptModule<TPreHook, TPostHook> : ScriptModule
        {
            internal HookableScriptModule(nint ownedHandle)
                : base(ownedHandle)
            {
            }
        }

        /// <summary>A loaded module of one value.</summary>
        public class ScriptModule<T, TResult> : HookableScriptModule<Func<ScriptModule<T, TResult>, T, T>, Func<ScriptModule<T, TResult>, T, TResult, TResult>>, nn.IModule<T, TResult>
        {
            internal ScriptModule(nint ownedHandle)
                : base(ownedHandle)
            {
            }

            /// <summary>Runs the module.</summary>
            public TResult call(T input) => forward(input);

            /// <inheritdoc cref="call(T)"/>
            public TResult forward(T tensor) => As<TResult>(invoke("forward", tensor!), "forward");
        }

        /// <summary>A loaded module of two values.</summary>
        public class ScriptModule<T1, T2, TResult> : HookableScriptModule<Func<ScriptModule<T1, T2, TResult>, T1, T2, (T1, T2)?>, Func<ScriptModule<T1, T2, TResult>, T1, T2, TResult, TResult>>, nn.IModule<T1, T2, TResult>
        {
            internal ScriptModule(nint ownedHandle)
                : base(ownedHandle)
            {
            }

            /// <summary>Runs the module.</summary>
            public TResult call(T1 input1, T2 input2) => forward(input1, input2);

            /// <inheritdoc cref="call(T1, T2)"/>
            public TResult forward(T1 input1, T2 input2) => As<TResult>(invoke("forward", input1!, input2!), "forward");
        }
    }
}
