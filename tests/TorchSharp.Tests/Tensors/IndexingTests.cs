using static TorchSharp.torch.TensorIndex;

namespace TorchSharp.Tests.Tensors;

public sealed class IndexingTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor grid = arange(24, dtype: float32).view(2, 3, 4);

    public void Dispose() => scope.Dispose();

    private static double At(int i, int j, int k) => (i * 12) + (j * 4) + k;

    [Fact]
    public void Get_Integers_Select()
    {
        Check.Shape([3, 4], grid[1]);
        Check.Close([At(1, 2, 0), At(1, 2, 1), At(1, 2, 2), At(1, 2, 3)], grid[1, 2]);
        Assert.Equal(At(1, 2, 3), grid[1, 2, 3].ToDouble());
        Assert.Equal(At(1, 2, 3), grid[-1, -1, -1].ToDouble());
    }

    [Fact]
    public void Get_SlicesAndEllipsis_AreViews()
    {
        Check.Close([At(0, 1, 1), At(0, 1, 2), At(0, 2, 1), At(0, 2, 2)], grid[0, 1.., Slice(1, 3)]);
        Check.Close([At(0, 0, 3), At(0, 1, 3), At(0, 2, 3), At(1, 0, 3), At(1, 1, 3), At(1, 2, 3)], grid[Ellipsis, -1]);
        Check.Shape([2, 3, 2], grid[Colon, Colon, Slice(null, null, 2)]);
        Check.Shape([2, 1, 3, 4], grid[Colon, TensorIndex.None]);
        Check.Shape([1, 2, 3, 4, 1], grid[TensorIndex.None, Ellipsis, TensorIndex.None]);
        Check.Close([At(1, 1, 2), At(1, 1, 3)], grid[1, 1, ^2..]);
        Check.Shape([2, 3, 0], grid[Ellipsis, Slice(4)]);
        _ = grid[0, 0].fill_(-1);
        Assert.Equal(-1, grid[0, 0, 3].ToDouble());
    }

    [Fact]
    public void Get_TensorAmongSlices_Gathers()
    {
        var picked = grid[Colon, TensorIndex.Tensor(torch.tensor(new long[] { 2, 0 }))];
        Check.Shape([2, 2, 4], picked);
        Assert.Equal(At(1, 2, 3), picked[1, 0, 3].ToDouble());
        var last = grid[Ellipsis, TensorIndex.Tensor(torch.tensor(new long[] { 3 }))];
        Check.Shape([2, 3, 1], last);
        Check.Close([At(1, 0, 0), At(1, 0, 1)], grid[1, TensorIndex.Tensor(torch.tensor(new long[] { 0, 0 })), TensorIndex.Tensor(torch.tensor(new long[] { 0, 1 }))]);
    }

    [Fact]
    public void Get_Mask_SelectsElements()
    {
        Check.Close([20, 21, 22, 23], grid[grid.ge(20)]);
        Check.Close([20, 21, 22, 23], grid[TensorIndex.Tensor(grid.ge(20))]);
        Check.Shape([1, 3, 4], grid[TensorIndex.Tensor(torch.tensor(new[] { false, true }))]);
    }

    [Fact]
    public void Set_Parts_ChangesOnlyThem()
    {
        grid[0, 1.., 0] = torch.tensor(new float[] { 100, 200 });
        Assert.Equal(100, grid[0, 1, 0].ToDouble());
        Assert.Equal(200, grid[0, 2, 0].ToDouble());
        grid[grid.ge(100)] = torch.tensor(0f);
        Assert.Equal(0, grid[0, 1, 0].ToDouble());
        grid[1, 2, 3] = 5.0;
        Assert.Equal(5, grid[1, 2, 3].ToDouble());
        _ = grid.index_put_(7, Colon, TensorIndex.Tensor(torch.tensor(new long[] { 1 })), 0);
        Assert.Equal(7, grid[0, 1, 0].ToDouble());
        Assert.Equal(7, grid[1, 1, 0].ToDouble());
        Assert.Equal(At(1, 1, 1), grid[1, 1, 1].ToDouble());
    }

    [Fact]
    public void Bool_Index_AddsADimension()
    {
        Check.Shape([1, 2, 3, 4], grid[TensorIndex.Bool(true)]);
        Check.Shape([0, 2, 3, 4], grid[TensorIndex.Bool(false)]);
    }
}
