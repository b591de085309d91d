namespace TorchSharp;

public static unsafe partial class torch
{
    public partial class Tensor
    {
        /// <summary>Whether operations on this tensor are recorded, and gradients accumulated if it is a leaf.</summary>
        public bool requires_grad
        {
            get => Alive(NativeMethods.dt_requires_grad(Handle)) != 0;
            set
            {
                NativeMethods.Check(NativeMethods.dt_set_requires_grad(Handle, value ? 1 : 0));
                GC.KeepAlive(this);
            }
        }

        /// <summary>True when no recorded operation made this tensor.</summary>
        public bool is_leaf => Alive(NativeMethods.dt_is_leaf(Handle)) != 0;

        /// <summary>
        /// The gradient accumulated so far, or null. A backward pass adds into the tensor that is set here, so a view of a larger buffer stays one.
        /// </summary>
        public Tensor? grad
        {
            get
            {
                nint gradient;
                NativeMethods.Check(NativeMethods.dt_grad(Handle, &gradient));
                GC.KeepAlive(this);
                return gradient == 0 ? null : new Tensor(gradient);
            }
            set
            {
                NativeMethods.Check(NativeMethods.dt_set_grad(Handle, value is null ? 0 : value.Handle));
                GC.KeepAlive(this);
                GC.KeepAlive(value);
            }
        }

        /// <summary>Sets <see cref="requires_grad"/>.</summary>
        /// <returns>This tensor.</returns>
        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>Keeps the gradient of a tensor that is no leaf, too.</summary>
        public void retain_grad()
        {
            NativeMethods.Check(NativeMethods.dt_retain_grad(Handle));
            GC.KeepAlive(this);
        }

        /// <summary>Accumulates the gradients of this scalar in the leaves it was computed from.</summary>
        public void backward() => autograd.backward([this]);

        /// <summary>Accumulates the gradients of this tensor, weighted with <paramref name="grad_tensors"/>, in the leaves it was computed from.</summary>
        /// <param name="grad_tensors">One tensor of this shape; may be absent for a scalar.</param>
        /// <param name="retain_graph">Keep what the pass needs for another one.</param>
        /// <param name="create_graph">Record the pass itself, for higher derivatives.</param>
        /// <param name="inputs">The leaves to accumulate in; all when absent.</param>
        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }

    /// <summary>Gradients of scalars with respect to tensors.</summary>
    public static class autograd
    {
        /// <summary>Accumulates the gradients of several tensors in the leaves they were computed from.</summary>
        /// <inheritdoc cref="Tensor.backward(IList{Tensor}, bool, bool, IList{Tensor})"/>
        public static void backward(IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null)
        {
            var roots = Handles(tensors);
            var weights = Handles(grad_tensors);
            var leaves = Handles(inputs);
            fixed (nint* first = roots, firstWeight = weights, firstLeaf = leaves)
            {
                NativeMethods.Check(NativeMethods.dt_backward(
                    first, firstWeight, roots.Length, (retain_graph ?? create_graph) ? 1 : 0, create_graph ? 1 : 0, firstLeaf, leaves.Length));
            }
            GC.KeepAlive(tensors);
            GC.KeepAlive(grad_tensors);
            GC.KeepAlive(inputs);
        }

        /// <inheritdoc cref="backward(IList{Tensor}, IList{Tensor}, bool?, bool, IList{Tensor})"/>
        public static void backward(Tensor tensor, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null) =>
            backward([tensor], grad_tensors, retain_graph, create_graph, inputs);

        /// <summary>The gradients of the sum of <paramref name="outputs"/>, each weighted, with respect to <paramref name="inputs"/>, without accumulating anything.</summary>
        /// <param name="outputs">What is differentiated.</param>
        /// <param name="inputs">By what.</param>
        /// <param name="grad_outputs">The weights; may be absent for scalars.</param>
        /// <param name="retain_graph">Keep what the pass needs for another one.</param>
        /// <param name="create_graph">Record the pass itself, for higher derivatives.</param>
        /// <param name="allow_unused">An input that no output depends on yields null instead of an error.</param>
        public static IList<Tensor> grad(
            IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null, bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            var roots = Handles(outputs);
            var weights = Handles(grad_outputs);
            var leaves = Handles(inputs);
            var results = new nint[leaves.Length];
            fixed (nint* first = roots, firstWeight = weights, firstLeaf = leaves, firstResult = results)
            {
                NativeMethods.Check(NativeMethods.dt_gradients(
                    first, firstWeight, roots.Length, firstLeaf, leaves.Length, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, firstResult));
            }
            GC.KeepAlive(outputs);
            GC.KeepAlive(grad_outputs);
            GC.KeepAlive(inputs);
            return Array.ConvertAll(results, gradient => gradient == 0 ? null! : new Tensor(gradient));
        }

        private static nint[] Handles(IList<Tensor>? tensors) => tensors is null ? [] : [.. tensors.Select(tensor => tensor.Handle)];
    }
}
