namespace TorchSharp;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>A part of the tensor: a view, or a copy when tensors are among the indices. Setting copies into the part, with broadcasting.</summary>
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        /// <summary>The elements at the given places, a tensor of indices for each dimension; or those where a mask holds.</summary>
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        /// <summary>A view of one index along the first dimension.</summary>
        public Tensor this[long i1]
        {
            get => select(0, i1);
            set => Put(value, i1);
        }

        /// <summary>A view of one index along each of the first two dimensions.</summary>
        public Tensor this[long i1, long i2]
        {
            get => index(new TensorIndex[] { i1, i2 });
            set => Put(value, i1, i2);
        }

        /// <summary>A view of one index along each of the first three dimensions.</summary>
        public Tensor this[long i1, long i2, long i3]
        {
            get => index(new TensorIndex[] { i1, i2, i3 });
            set => Put(value, i1, i2, i3);
        }

        /// <summary>A view of one index along each of the first four dimensions.</summary>
        public Tensor this[long i1, long i2, long i3, long i4]
        {
            get => index(new TensorIndex[] { i1, i2, i3, i4 });
            set => Put(value, i1, i2, i3, i4);
        }

        /// <inheritdoc cref="this[TensorIndex[]]"/>
        public Tensor index(params TensorIndex[] indices)
        {
            var gathered = new List<Tensor?>();
            var view = ViewOf(indices, gathered);
            if (gathered.Count == 0)
            {
                return view;
            }
            using (view)
            {
                return Aten.index_Tensor.Call(view, gathered.ToArray());
            }
        }

        /// <inheritdoc cref="this[Tensor[]]"/>
        public Tensor index(params Tensor[] indices) => Aten.index_Tensor.Call(this, indices);

        /// <summary>Copies a value into a part of this tensor, with broadcasting.</summary>
        /// <returns>This tensor.</returns>
        public Tensor index_put_(Tensor value, params TensorIndex[] indices)
        {
            var gathered = new List<Tensor?>();
            using var view = ViewOf(indices, gathered);
            if (gathered.Count == 0)
            {
                _ = view.copy_(value);
            }
            else
            {
                _ = view.index_put_(value, gathered.ToArray()!);
            }
            return this;
        }

        /// <inheritdoc cref="index_put_(Tensor, TensorIndex[])"/>
        public Tensor index_put_(Tensor value, params Tensor[] indices)
        {
            // Indices may be of any kind that libtorch converts; a value of another type is converted here, as in Python.
            if (value.dtype == dtype)
            {
                return Aten.index_put_.CallInPlace(this, this, indices, value);
            }
            using var converted = value.to_type(dtype);
            return Aten.index_put_.CallInPlace(this, this, indices, converted);
        }

        /// <inheritdoc cref="index_put_(Tensor, TensorIndex[])"/>
        public Tensor index_put_(Scalar value, params TensorIndex[] indices)
        {
            using var tensor = FromScalar(value, dtype, device);
            return index_put_(tensor, indices);
        }

        private void Put(Tensor value, params TensorIndex[] indices) => _ = index_put_(value, indices);

        // Applies what is a view; the tensors among the indices are left for the caller, each at its dimension of the view.
        private Tensor ViewOf(TensorIndex[] indices, List<Tensor?> gathered)
        {
            var view = alias();
            long at = 0;
            for (var i = 0; i < indices.Length; i++)
            {
                var index = indices[i];
                var before = view;
                switch (index.Kind)
                {
                    case TensorIndex.IndexKind.Single:
                        view = view.select(at, index.Start ?? throw new ArgumentException($"Index {i} is empty."));
                        break;
                    case TensorIndex.IndexKind.Slice:
                        view = index.Start is null && index.Stop is null && index.Step is null ? view : Aten.slice_Tensor.Call(view, at, index.Start, index.Stop, index.Step ?? 1);
                        at++;
                        break;
                    case TensorIndex.IndexKind.None:
                        view = view.unsqueeze(at++);
                        break;
                    case TensorIndex.IndexKind.Bool:
                        view = view.unsqueeze(at).narrow(at, 0, index.Start!.Value);
                        at++;
                        break;
                    case TensorIndex.IndexKind.Ellipsis:
                        at = view.dim() - indices[(i + 1)..].Sum(ConsumedDimensions);
                        break;
                    case TensorIndex.IndexKind.Tensor:
                        PadTo(gathered, at);
                        gathered.Add(index.Indices);
                        at += ConsumedDimensions(index);
                        break;
                }
                if (!ReferenceEquals(before, view))
                {
                    before.Dispose();
                }
            }
            return view;
        }

        private static long ConsumedDimensions(TensorIndex index) => index.Kind switch
        {
            TensorIndex.IndexKind.Single or TensorIndex.IndexKind.Slice => 1,
            TensorIndex.IndexKind.Tensor => index.Indices!.dtype == ScalarType.Bool ? index.Indices.dim() : 1,
            _ => 0,
        };

        // A mask of several dimensions is one entry that stands for all of them.
        private static void PadTo(List<Tensor?> gathered, long dimension)
        {
            var covered = gathered.Sum(tensor => tensor is { } given && given.dtype == ScalarType.Bool ? given.dim() : 1);
            for (; covered < dimension; covered++)
            {
                gathered.Add(null);
            }
        }
    }
}
