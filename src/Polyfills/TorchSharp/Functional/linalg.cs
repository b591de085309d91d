namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>Norms, factorisations and solutions of matrices and batches of them.</summary>
    public static class linalg
    {
        /// <summary>(Σ |x|^ord)^(1/ord), over some dimensions or all.</summary>
        public static Tensor vector_norm(Tensor input, double ord = 2, long[]? dims = null, bool keepdim = false) => Aten.linalg_vector_norm.Call(input, ord, dims, keepdim);

        /// <summary>The 2-norm of the flattened tensor, or over one dimension the vectors', over two the matrices' Frobenius norms.</summary>
        public static Tensor norm(Tensor input, long[]? dims = null, bool keepdim = false) => Aten.linalg_norm.Call(input, Argument.Absent, dims, keepdim);

        /// <summary>The norm of vectors or matrices by its order.</summary>
        public static Tensor norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) => Aten.linalg_norm.Call(input, ord, dims, keepdim);

        /// <summary>The norm of matrices by its name, "fro" or "nuc".</summary>
        public static Tensor norm(Tensor input, string ord, long[]? dims = null, bool keepdim = false) => Aten.linalg_norm_ord_str.Call(input, ord, dims, keepdim);

        /// <summary>Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices of which one triangle is read.</summary>
        public static (Tensor, Tensor) eigh(Tensor input, char UPLO = 'L') => Aten.linalg_eigh.CallPair(input, UPLO.ToString());

        /// <summary>Eigenvalues, ascending, of symmetric matrices of which one triangle is read.</summary>
        public static Tensor eigvalsh(Tensor input, char UPLO = 'L') => Aten.linalg_eigvalsh.Call(input, UPLO.ToString());

        /// <summary>Singular vectors and values: input = U · diag(S) · Vh.</summary>
        public static (Tensor U, Tensor S, Tensor Vh) svd(Tensor input, bool fullMatrices = true)
        {
            var factors = Aten.linalg_svd.CallMany(input, fullMatrices);
            return (factors[0], factors[1], factors[2]);
        }

        /// <summary>Singular values, descending.</summary>
        public static Tensor svdvals(Tensor input) => Aten.linalg_svdvals.Call(input);

        /// <summary>The lower triangle L with input = L · Lᵀ, of positive definite matrices.</summary>
        public static Tensor cholesky(Tensor input) => Aten.linalg_cholesky.Call(input);

        /// <summary>The inverse.</summary>
        public static Tensor inv(Tensor input) => Aten.linalg_inv.Call(input);

        /// <summary>X with A · X = B, or X · A = B.</summary>
        public static Tensor solve(Tensor A, Tensor B, bool left = true) => Aten.linalg_solve.Call(A, B, left);

        /// <summary>The determinant.</summary>
        public static Tensor det(Tensor input) => Aten.linalg_det.Call(input);
    }
}
