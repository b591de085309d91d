namespace TorchSharp.Tests.Tensors;

public sealed class ReductionTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor grid = torch.tensor(new double[,] { { 1, 5, 3 }, { 4, 2, 9 } });

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Sums_OverDimensions_AreThose()
    {
        Check.Close([24], grid.sum());
        Check.Close([5, 7, 12], grid.sum(0L));
        Check.Shape([2, 1], grid.sum([1], keepdim: true));
        Check.Close([24], grid.sum([0, 1]));
        Assert.Equal(ScalarType.Float32, grid.sum(float32).dtype);
        Check.Close([4], grid.mean());
        Check.Close([3, 5], grid.mean([1]));
        Check.Close([15, 72], grid.prod(1));
        Check.Close([1, 6, 9, 4, 6, 15], grid.cumsum(1));
        Check.Close([1, 5, 15, 4, 8, 72], grid.cumprod(1));
        Check.Close([6], grid.count_nonzero());
    }

    // A literal 0 converts to an enumeration, there as here: the overload that takes a type is closer than the one that takes a dimension.
    [Fact]
    public void Sum_OfALiteralZero_IsTheOneWithAType() => Assert.Equal(ScalarType.Byte, grid.sum(0).dtype);

    [Fact]
    public void Spread_BiasedAndNot_AreThose()
    {
        Check.Close([Math.Sqrt(40.0 / 5)], grid.std());
        Check.Close([40.0 / 6], grid.var(unbiased: false));
        Check.Close([4, 13], grid.var(1));
        Check.Close([2, Math.Sqrt(13)], grid.std([1L]));
        Assert.Equal(ScalarType.Float32, grid.var(1, type: float32).dtype);
    }

    [Fact]
    public void Extremes_WithPlaces_AreFound()
    {
        Assert.Equal(9, grid.max().ToDouble());
        Assert.Equal(1, grid.min().ToDouble());
        var (values, indexes) = grid.max(1);
        Check.Close([5, 9], values);
        Check.Close([1, 2], indexes);
        Check.Close([1, 2, 3], grid.min(0).values);
        Assert.Equal(5, grid.argmax().ToInt64());
        Check.Close([0, 1], grid.argmin(1));
        Check.Close([4, 5, 9], grid.amax(0));
        Check.Close([2], grid.amin([0, 1]).add(1));
        Check.Close([3], grid.median());
        Check.Close([5, 3, 9, 4], grid.topk(2).values);
        var (sorted, order) = grid.sort(1, descending: true);
        Check.Close([5, 3, 1, 9, 4, 2], sorted);
        Check.Close([1, 2, 0, 2, 0, 1], order);
        Check.Close([0, 2, 1, 1, 0, 2], grid.argsort(1));
    }

    [Fact]
    public void Norms_OfVectors_AreThose()
    {
        var x = torch.tensor(new double[] { 3, -4 });
        Check.Close([5], x.norm());
        Check.Close([7], x.norm(1f));
        Check.Close([5], linalg.norm(x));
        Check.Close([5], linalg.vector_norm(x));
        Check.Close([4], linalg.vector_norm(x, double.PositiveInfinity));
        Check.Close([Math.Sqrt(35), Math.Sqrt(101)], linalg.vector_norm(grid, 2, [1]));
        Check.Close([Math.Sqrt(35), Math.Sqrt(101)], grid.norm(1, p: 2));
        Check.Close([Math.Log(Math.Exp(1) + Math.Exp(5) + Math.Exp(3))], grid[0].logsumexp(0));
    }

    [Fact]
    public void Unique_WithCounts_GroupsElements()
    {
        var (output, inverse, counts) = torch.tensor(new long[] { 3, 1, 3 }).unique(return_counts: true);
        Check.Close([1, 3], output);
        Assert.Null(inverse);
        Check.Close([1, 2], counts!);
    }
}
