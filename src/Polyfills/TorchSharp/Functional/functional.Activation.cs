namespace TorchSharp;

public static unsafe partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            /// <summary>x/(1 + e⁻ˣ).</summary>
            public static Tensor silu(Tensor x, bool inplace = false) => inplace ? x.silu_() : x.silu();

            /// <summary>max(x, 0).</summary>
            public static Tensor relu(Tensor x, bool inplace = false) => inplace ? x.relu_() : x.relu();

            /// <summary>x Φ(x) with the normal distribution Φ.</summary>
            public static Tensor gelu(Tensor x) => x.gelu();

            /// <summary>1/(1 + e⁻ˣ).</summary>
            public static Tensor sigmoid(Tensor x) => x.sigmoid();

            /// <summary>tanh x.</summary>
            public static Tensor tanh(Tensor x, bool inplace = false) => inplace ? x.tanh_() : x.tanh();

            /// <summary>ln(1 + e^(βx))/β, linear above the threshold.</summary>
            public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) => Aten.softplus.Call(x, beta, threshold);

            /// <summary>eˣ / Σ eˣ along one dimension.</summary>
            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            /// <summary>x − ln Σ eˣ along one dimension.</summary>
            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            /// <summary>In training: elements set to zero with probability p, the others divided by 1 − p. Draws from the default generator.</summary>
            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                inplace ? Aten.dropout_.CallInPlace(input, input, p, training) : Aten.dropout.Call(input, p, training);

            /// <summary>Zero mean and unit variance within groups of channels, then weight and bias for each channel.</summary>
            public static Tensor group_norm(Tensor input, long num_groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) =>
                Aten.group_norm.Call(input, num_groups, weight, bias, eps);

            /// <summary>Zero mean and unit variance over the last dimensions, then weight and bias for each element.</summary>
            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) =>
                Aten.layer_norm.Call(input, normalized_shape, weight, bias, eps);

            /// <summary>Zero mean and unit variance for each channel over the batch in training, else with the running statistics; then weight and bias.</summary>
            public static Tensor batch_norm(
                Tensor input, Tensor running_mean, Tensor running_var, Tensor? weight = null, Tensor? bias = null, bool training = false, double momentum = 0.1, double eps = 1e-05) =>
                Aten.batch_norm.Call(input, weight, bias, running_mean, running_var, training, momentum, eps, true);

            /// <summary>x / max(‖x‖ₚ, ε) along one dimension.</summary>
            public static Tensor normalize(Tensor input, double p = 2, long dim = 1, double eps = 1e-12)
            {
                using var norm = Aten.norm_ScalarOpt_dim.Call(input, p, new[] { dim }, true);
                using var denominator = norm.clamp_min(eps);
                return input.div(denominator);
            }

            /// <summary>A vector with a single one for each class number; as many classes as occur when none are given.</summary>
            public static Tensor one_hot(Tensor x, long num_classes = -1) => Aten.one_hot.Call(x, num_classes);

            /// <summary>softmax(query · keyᵀ/√d + mask) · value; a mask of truth values says which keys are seen.</summary>
            /// <param name="query">[…, L, d]</param>
            /// <param name="key">[…, S, d]</param>
            /// <param name="value">[…, S, e]</param>
            /// <param name="attn_mask">[…, L, S], added to the logits, or truth values.</param>
            /// <param name="p">The probability with which weights are dropped.</param>
            /// <param name="is_casual">Every position sees only itself and those before it.</param>
            public static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0, bool is_casual = false)
            {
                const int FirstWithOperator = 20000;
                return NativeMethods.dt_version() >= FirstWithOperator
                    ? Aten.scaled_dot_product_attention.Call(query, key, value, attn_mask, p, is_casual)
                    : ComposedAttention(query, key, value, attn_mask, p, is_casual);
            }

            private static Tensor ComposedAttention(Tensor query, Tensor key, Tensor value, Tensor? mask, double p, bool causal)
            {
                if (causal && mask is not null)
                {
                    throw new ArgumentException("Attention takes either a mask or is_casual, not both.", nameof(mask));
                }
                using var scope = NewDisposeScope();
                // Both factors are scaled by the root, so that half precision does not overflow.
                var scale = Math.Pow(query.size(-1), -0.25);
                var logits = query.mul(scale).matmul(key.mT.mul(scale));
                if (causal)
                {
                    mask = ones([query.size(-2), key.size(-2)], ScalarType.Bool, query.device).tril();
                }
                if (mask is not null)
                {
                    logits = mask.dtype == ScalarType.Bool ? logits.masked_fill(mask.logical_not(), double.NegativeInfinity) : logits.add(mask);
                }
                var weights = logits.softmax(-1);
                return scope.MoveToOuter((p > 0 ? dropout(weights, p) : weights).matmul(value));
            }
        }
    }
}
