using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[module: SkipLocalsInit]

namespace TorchSharp;

/// <summary>An operator of libtorch, looked up in its dispatcher by name when it is first called.</summary>
internal sealed unsafe class Operator(string name, string overload = "")
{
    private const int MaxResults = 8;
    private const int StackWords = 64;
    private nint handle;

    private nint Handle => handle != 0 ? handle : handle = NativeMethods.Check(NativeMethods.dt_find_operator(name, overload));

    /// <summary>Looks the operator up now.</summary>
    /// <exception cref="ExternalException">This libtorch has no such operator.</exception>
    internal void Resolve() => _ = Handle;

    /// <summary>An operator with one tensor as its result.</summary>
    internal torch.Tensor Call(params ReadOnlySpan<Argument> arguments)
    {
        NativeValue result;
        Invoke(arguments, &result, 1);
        return new torch.Tensor((nint)result.Bits);
    }

    /// <summary>An operator that changes its first argument and returns it.</summary>
    internal torch.Tensor CallInPlace(torch.Tensor self, params ReadOnlySpan<Argument> arguments)
    {
        NativeValue result;
        Invoke(arguments, &result, 1);
        NativeMethods.dt_free((nint)result.Bits);
        return self;
    }

    /// <summary>An operator whose result is a number.</summary>
    internal NativeValue CallValue(params ReadOnlySpan<Argument> arguments)
    {
        NativeValue result;
        Invoke(arguments, &result, 1);
        return result;
    }

    /// <summary>An operator with several tensors, or a list of them, as its result.</summary>
    internal torch.Tensor[] CallMany(params ReadOnlySpan<Argument> arguments)
    {
        var results = stackalloc NativeValue[MaxResults];
        var count = Invoke(arguments, results, MaxResults);
        if (count == 1 && results[0].Tag == (int)ArgumentTag.Tensors)
        {
            var list = new torch.Tensor[results[0].Count];
            var handles = (nint*)results[0].Bits;
            for (var i = 0; i < list.Length; i++)
            {
                list[i] = new torch.Tensor(handles[i]);
            }
            return list;
        }
        var tensors = new torch.Tensor[count];
        for (var i = 0; i < count; i++)
        {
            tensors[i] = new torch.Tensor((nint)results[i].Bits);
        }
        return tensors;
    }

    /// <summary>An operator with two tensors as its result.</summary>
    internal (torch.Tensor, torch.Tensor) CallPair(params ReadOnlySpan<Argument> arguments)
    {
        var tensors = CallMany(arguments);
        return (tensors[0], tensors[1]);
    }

    private int Invoke(ReadOnlySpan<Argument> arguments, NativeValue* results, int capacity)
    {
        var needed = 0;
        foreach (ref readonly var argument in arguments)
        {
            needed += argument.Words;
        }
        var onStack = stackalloc long[StackWords];
        var words = needed <= StackWords ? onStack : (long*)NativeMemory.Alloc((nuint)needed, sizeof(long));
        try
        {
            var values = stackalloc NativeValue[arguments.Length];
            var used = words;
            for (var i = 0; i < arguments.Length; i++)
            {
                arguments[i].WriteTo(values + i, used);
                used += arguments[i].Words;
            }
            var count = NativeMethods.dt_call(Handle, values, arguments.Length, results, capacity);
            // A wrapper is finalizable once its handle was read for the last time, so the operands must live past the call.
            foreach (ref readonly var argument in arguments)
            {
                GC.KeepAlive(argument.Source);
            }
            NativeMethods.Check(count);
            return count;
        }
        finally
        {
            if (words != onStack)
            {
                NativeMemory.Free(words);
            }
        }
    }
}
