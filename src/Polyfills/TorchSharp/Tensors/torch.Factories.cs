namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>A tensor with one value everywhere, by default of the value's kind: single precision, 64-bit integers or truth values.</summary>
    public static Tensor full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Tensor.WithGrad(Aten.full.Call(Unnamed(size, names), value, dtype, Argument.Absent, device), requires_grad);

    /// <inheritdoc cref="full(long[], Scalar, ScalarType?, Device, bool, string[])"/>
    public static Tensor full(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(size.ToArray(), value, dtype, device, requires_grad, names);

    /// <inheritdoc cref="full(long[], Scalar, ScalarType?, Device, bool, string[])"/>
    public static Tensor full(long size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(new long[] { size }, value, dtype, device, requires_grad, names);

    /// <inheritdoc cref="full(long[], Scalar, ScalarType?, Device, bool, string[])"/>
    public static Tensor full(long rows, long columns, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(new long[] { rows, columns }, value, dtype, device, requires_grad, names);

    /// <inheritdoc cref="full(long[], Scalar, ScalarType?, Device, bool, string[])"/>
    public static Tensor full(long dim0, long dim1, long dim2, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(new long[] { dim0, dim1, dim2 }, value, dtype, device, requires_grad, names);

    /// <inheritdoc cref="full(long[], Scalar, ScalarType?, Device, bool, string[])"/>
    public static Tensor full(long dim0, long dim1, long dim2, long dim3, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(new long[] { dim0, dim1, dim2, dim3 }, value, dtype, device, requires_grad, names);

    /// <summary>A tensor of the shape of another with uninitialised elements, by default of its type on its device.</summary>
    public static Tensor empty_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Tensor.WithGrad(Aten.empty_like.Call(input, Named(dtype, names), Argument.Absent, device), requires_grad);

    /// <summary>A tensor of the shape of another with zeros, by default of its type on its device.</summary>
    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Tensor.WithGrad(Aten.zeros_like.Call(input, Named(dtype, names), Argument.Absent, device), requires_grad);

    /// <summary>A tensor of the shape of another with ones, by default of its type on its device.</summary>
    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Tensor.WithGrad(Aten.ones_like.Call(input, Named(dtype, names), Argument.Absent, device), requires_grad);

    /// <summary>A tensor of the shape of another with elements from 0…1, by default of its type on its device.</summary>
    public static Tensor rand_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Tensor.WithGrad(Aten.rand_like.Call(input, dtype, Argument.Absent, device), requires_grad);

    /// <summary>A tensor of the shape of another with normal elements, by default of its type on its device.</summary>
    public static Tensor randn_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Tensor.WithGrad(Aten.randn_like.Call(input, dtype, Argument.Absent, device), requires_grad);

    /// <summary>A tensor of the shape of another with one value everywhere, by default of its type on its device.</summary>
    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Tensor.WithGrad(Aten.full_like.Call(input, value, Named(dtype, names), Argument.Absent, device), requires_grad);

    /// <summary>start, start + step, … below stop. Integers when all three are, else single precision.</summary>
    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Tensor.WithGrad(Aten.arange_start_step.Call(start, stop, step, dtype, Argument.Absent, device), requires_grad);

    /// <summary>start, start + 1, … below stop. Integers when both are, else single precision.</summary>
    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);

    /// <summary>0, 1, … below stop. Integers when stop is one, else single precision.</summary>
    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);

    /// <summary>Numbers at equal distances from start to end, both included; single precision by default.</summary>
    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Tensor.WithGrad(Aten.linspace.Call(start, end, steps, dtype ?? ScalarType.Float32, Argument.Absent, device), requires_grad);

    /// <summary>Powers of the base with exponents at equal distances from start to end, both included; single precision by default.</summary>
    public static Tensor logspace(double start, double end, long steps, double @base = 10, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Tensor.WithGrad(Aten.logspace.Call(start, end, steps, @base, dtype ?? ScalarType.Float32, Argument.Absent, device), requires_grad);

    /// <summary>Ones on the diagonal, zeros elsewhere; square when no columns are given.</summary>
    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Tensor.WithGrad(Aten.eye_m.Call(rows, columns < 0 ? rows : columns, Named(dtype, names) ?? ScalarType.Float32, Argument.Absent, device), requires_grad);

    /// <summary>Integers drawn from low…high − 1, 64 bits by default. With a generator, no other one is touched.</summary>
    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Tensor.WithGrad(Aten.randint_low_generator.Call(low, high, Unnamed(size, names), generator, dtype ?? ScalarType.Int64, Argument.Absent, device), requires_grad);

    /// <summary>Integers drawn from 0…high − 1, 64 bits by default. With a generator, no other one is touched.</summary>
    public static Tensor randint(long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, size, dtype, device, requires_grad, generator, names);

    /// <summary>The integers 0…n − 1 in random order, 64 bits by default. With a generator, no other one is touched.</summary>
    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null) =>
        Tensor.WithGrad(Aten.randperm_generator.Call(n, generator, dtype ?? ScalarType.Int64, Argument.Absent, device), requires_grad);

    /// <summary>Elements drawn from normal distributions with these means and standard deviations.</summary>
    public static Tensor normal(Tensor mean, Tensor std, Generator? generator = null) =>
        Aten.normal_Tensor_Tensor.Call(mean, std, generator);

    private static long[] Unnamed(long[] size, string[]? names) => names is null ? size : throw NamesUnsupported();

    private static ScalarType? Named(ScalarType? dtype, string[]? names) => names is null ? dtype : throw NamesUnsupported();

    private static NotSupportedException NamesUnsupported() => new("Named dimensions are not part of this implementation. Leave out 'names'.");
}
