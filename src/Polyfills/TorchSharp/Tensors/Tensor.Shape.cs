namespace TorchSharp;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>The same memory in another shape; one size may be −1.</summary>
        public Tensor view(params long[] shape) => Aten.view.Call(this, shape);

        /// <summary>The same memory in the shape of another tensor.</summary>
        public Tensor view_as(Tensor other) => Aten.view_as.Call(this, other);

        /// <summary>Another shape, as a view where memory allows it; one size may be −1.</summary>
        public Tensor reshape(params long[] shape) => Aten.reshape.Call(this, shape);

        /// <summary>A view with the dimensions in another order.</summary>
        public Tensor permute(params long[] permutation) => Aten.permute.Call(this, permutation);

        /// <summary>A view with two dimensions exchanged.</summary>
        public Tensor transpose(long dim0, long dim1) => Aten.transpose_int.Call(this, dim0, dim1);

        /// <summary>A view of a matrix, transposed.</summary>
        public Tensor t() => Aten.t.Call(this);

        /// <summary>A view of a range along one dimension.</summary>
        public Tensor narrow(long dim, long start, long length) => Aten.narrow.Call(this, dim, start, length);

        /// <summary>A view of start…finish − 1 along one dimension, every step-th element.</summary>
        public Tensor slice(long dim, long start, long finish, long step) => Aten.slice_Tensor.Call(this, dim, start, finish, step);

        /// <summary>A view of one index along one dimension, which disappears.</summary>
        public Tensor select(long dim, long index) => Aten.select_int.Call(this, dim, index);

        /// <summary>A view with a dimension of size 1 inserted.</summary>
        public Tensor unsqueeze(long dim) => Aten.unsqueeze.Call(this, dim);

        /// <summary>Inserts a dimension of size 1.</summary>
        public Tensor unsqueeze_(long dim) => Aten.unsqueeze_.CallInPlace(this, this, dim);

        /// <summary>A view without dimensions of size 1, or without the given one.</summary>
        public Tensor squeeze(long? dim = null) => dim is { } one ? Aten.squeeze_dim.Call(this, one) : Aten.squeeze.Call(this);

        /// <summary>Removes dimensions of size 1, or the given one.</summary>
        public Tensor squeeze_(long? dim = null) => dim is { } one ? Aten.squeeze__dim.CallInPlace(this, this, one) : Aten.squeeze_.CallInPlace(this, this);

        /// <summary>A view with dimensions of size 1 repeated; −1 leaves a size alone.</summary>
        public Tensor expand(long[] sizes, bool isImplicit = false) => Aten.expand.Call(this, sizes, isImplicit);

        /// <summary>A view with dimensions of size 1 repeated; −1 leaves a size alone.</summary>
        public Tensor expand(params long[] sizes) => Aten.expand.Call(this, sizes);

        /// <summary>A view with dimensions of size 1 repeated to the shape of another tensor.</summary>
        public Tensor expand_as(Tensor other) => Aten.expand_as.Call(this, other);

        /// <summary>A view with dimensions of size 1 repeated.</summary>
        public Tensor broadcast_to(params long[] shape) => Aten.broadcast_to.Call(this, shape);

        /// <summary>Several dimensions made one.</summary>
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Aten.flatten_using_ints.Call(this, start_dim, end_dim);

        /// <summary>One dimension made several.</summary>
        public Tensor unflatten(long dim, params long[] sizes) => ViewUnflattened(dim, sizes);

        /// <summary>Views of every index along one dimension.</summary>
        public Tensor[] unbind(long dimension = 0) => Aten.unbind_int.CallMany(this, dimension);

        /// <summary>Views of equal parts along one dimension; the last may be smaller.</summary>
        public Tensor[] chunk(long chunks, long dim = 0) => Aten.chunk.CallMany(this, chunks, dim);

        /// <summary>Views of parts of a size along one dimension; the last may be smaller.</summary>
        public Tensor[] split(long size, int dim = 0) => Aten.split_Tensor.CallMany(this, size, (long)dim);

        /// <summary>Views of parts of given sizes along one dimension.</summary>
        public Tensor[] split(long[] sizes, long dim = 0) => Aten.split_with_sizes.CallMany(this, sizes, dim);

        /// <summary>Views of parts of given sizes along the first dimension.</summary>
        public Tensor[] split(params long[] sizes) => Aten.split_with_sizes.CallMany(this, sizes);

        /// <summary>A view of the storage with any size, strides and offset.</summary>
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0) => Aten.as_strided.Call(this, size, strides, storageOffset);

        /// <summary>A copy with dimensions reversed.</summary>
        public Tensor flip(params long[] dims) => Aten.flip.Call(this, dims);

        /// <summary>A copy with elements shifted around along one dimension, or through the flattened tensor.</summary>
        public Tensor roll(long shifts, long? dims = null) => Aten.roll.Call(this, shifts, dims is { } one ? new[] { one } : []);

        /// <summary>A copy with elements shifted around along several dimensions.</summary>
        public Tensor roll(long[] shifts, long[] dims) => Aten.roll.Call(this, shifts, dims);

        /// <summary>A copy repeated along every dimension.</summary>
        public Tensor repeat(params long[] sizes) => Aten.repeat.Call(this, sizes);

        /// <summary>A copy with every element repeated.</summary>
        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) => Aten.repeat_interleave_self_int.Call(this, repeats, dim, output_size);

        /// <summary>A copy with every element repeated its own number of times.</summary>
        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) => Aten.repeat_interleave_self_Tensor.Call(this, repeats, dim, output_size);

        /// <summary>The lower triangle of a matrix, zero elsewhere.</summary>
        public Tensor tril(long diagonal = 0) => Aten.tril.Call(this, diagonal);

        /// <summary>The upper triangle of a matrix, zero elsewhere.</summary>
        public Tensor triu(long diagonal = 0) => Aten.triu.Call(this, diagonal);

        /// <summary>The diagonal of a matrix, or a matrix with this diagonal.</summary>
        public Tensor diag(long diagonal = 0) => Aten.diag.Call(this, diagonal);

        /// <summary>A view of the diagonal of two dimensions.</summary>
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => Aten.diagonal.Call(this, offset, dim1, dim2);

        /// <summary>A view with dimensions moved.</summary>
        public Tensor movedim(long[] source, long[] destination) => Aten.movedim_intlist.Call(this, source, destination);

        /// <summary>A view of every window along one dimension.</summary>
        public Tensor unfold(long dimension, long size, long step) => Aten.unfold.Call(this, dimension, size, step);
    }
}
