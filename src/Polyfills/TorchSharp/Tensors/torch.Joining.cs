namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>Tensors joined along a dimension they have.</summary>
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => Aten.cat.Call(tensors.ToArray(), dim);

    /// <inheritdoc cref="cat(IList{Tensor}, long)"/>
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);

    /// <summary>Tensors of one shape joined along a new dimension.</summary>
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => Aten.stack.Call(tensors.ToArray(), dim);

    /// <summary>Tensors joined along the second dimension, or the first if they have one.</summary>
    public static Tensor hstack(params Tensor[] tensors) => Aten.hstack.Call(tensors);

    /// <summary>Tensors joined along the first dimension, vectors as rows.</summary>
    public static Tensor vstack(IList<Tensor> tensors) => Aten.vstack.Call(tensors.ToArray());

    /// <summary>Tensors expanded to their common shape.</summary>
    public static IList<Tensor> broadcast_tensors(params Tensor[] tensors) => Aten.broadcast_tensors.CallMany(tensors);

    /// <summary>Grids of coordinates.</summary>
    /// <param name="tensors">The coordinates along each dimension.</param>
    /// <param name="indexing">"ij": the first varies along the first dimension; "xy": along the second.</param>
    public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") => Aten.meshgrid_indexing.CallMany(tensors.ToArray(), indexing);

    /// <summary>Sums of products by an equation such as "bhqc,bhkc->bhqk".</summary>
    public static Tensor einsum(string equation, params Tensor[] tensors) => Aten.einsum.Call(equation, tensors);

    /// <summary>x where condition holds, y elsewhere.</summary>
    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);

    /// <summary>The indices where condition holds, one tensor for each dimension.</summary>
    public static Tensor[] where(Tensor condition) => Aten.where.CallMany(condition);

    /// <summary>eˣ / Σ eˣ along one dimension.</summary>
    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

    /// <summary>How many elements there are.</summary>
    public static long numel(Tensor input) => input.numel();
}
