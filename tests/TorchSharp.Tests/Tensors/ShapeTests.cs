namespace TorchSharp.Tests.Tensors;

public sealed class ShapeTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor grid = arange(6, dtype: float64).view(2, 3);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Views_OfEveryKind_HaveTheirElements()
    {
        Check.Shape([3, 2], grid.reshape(3, -1));
        Check.Close([0, 3, 1, 4, 2, 5], grid.t());
        Check.Close([0, 3, 1, 4, 2, 5], grid.transpose(0, 1));
        Check.Close([0, 3, 1, 4, 2, 5], grid.permute(1, 0));
        Check.Close([0, 3, 1, 4, 2, 5], grid.T);
        Check.Close([0, 3, 1, 4, 2, 5], grid.mT);
        Check.Close([1, 2, 4, 5], grid.narrow(1, 1, 2));
        Check.Close([0, 2, 3, 5], grid.slice(1, 0, 3, 2));
        Check.Close([1, 4], grid.select(1, 1));
        Check.Shape([2, 1, 3], grid.unsqueeze(1));
        Check.Shape([2, 3], grid.unsqueeze(0).squeeze(0));
        Check.Shape([2, 3], grid.view(1, 2, 1, 3).squeeze());
        Check.Shape([4, 2, 3], grid.expand(4, -1, -1));
        Check.Shape([4, 2, 3], grid.expand([4, 2, 3]));
        Check.Shape([4, 2, 3], grid.broadcast_to(4, 2, 3));
        Check.Shape([6], grid.flatten());
        Check.Shape([2, 3, 1], grid.unflatten(1, 3, 1));
        Check.Close([1, 3], grid.as_strided([2], [2], 1));
        Check.Close([0, 4], grid.diagonal());
        Check.Shape([3, 2], grid.movedim([0], [1]));
        Check.Shape([2, 2, 2], grid.unfold(1, 2, 1));
    }

    [Fact]
    public void Parts_SplitAndJoined_AreTheWhole()
    {
        Assert.Equal([2, 1], grid.split(2, 1).Select(part => part.size(1)));
        Assert.Equal([1, 2], grid.split([1, 2], 1).Select(part => part.size(1)));
        Assert.Equal(3, grid.chunk(3, 1).Length);
        Assert.Equal(2, grid.unbind().Length);
        Check.Close(Check.Doubles(grid), cat(grid.chunk(2)));
        Check.Close(Check.Doubles(grid), stack(grid.unbind()));
        Check.Close([0, 3, 1, 4, 2, 5], stack(grid.unbind(), 1));
        Check.Shape([4, 3], vstack([grid, grid]));
        Check.Shape([2, 6], hstack(grid, grid));
        Check.Shape([2, 2], meshgrid([arange(2), arange(2)])[0]);
        Check.Close([0, 1, 0, 1], meshgrid([arange(2), arange(2)], "xy")[0]);
    }

    [Fact]
    public void Copies_OfEveryKind_HaveTheirElements()
    {
        Check.Close([2, 1, 0, 5, 4, 3], grid.flip(1));
        Check.Close([2, 0, 1, 5, 3, 4], grid.roll(1, 1));
        Check.Close([5, 3, 4, 2, 0, 1], grid.roll([1, 1], [0, 1]));
        Check.Close([5, 0, 1, 2, 3, 4], grid.roll(1));
        Check.Shape([4, 3], grid.repeat(2, 1));
        Check.Close([0, 0, 1, 1, 2, 2], grid[0].repeat_interleave(2));
        Check.Close([0, 0, 0, 3, 4, 0], grid.tril());
        Check.Close([0, 1, 2, 0, 4, 5], grid.triu());
        Check.Close([0, 4], grid.diag());
    }

    [Fact]
    public void Gathering_ByIndices_ReadsAndWrites()
    {
        var index = torch.tensor(new long[,] { { 2, 0 } });
        Check.Close([2, 1, 5, 4], grid.index_select(1, torch.tensor(new long[] { 2, 1 })));
        Check.Close([2, 0], grid.gather(1, index));
        Check.Close([8, 1, 7, 3, 4, 5], grid.scatter(1, index, torch.tensor(new double[,] { { 7, 8 } })));
        Check.Close([8, 1, 9, 3, 4, 5], grid.scatter_add(1, index, torch.tensor(new double[,] { { 7, 8 } })));
        Check.Close([8, 1, 7, 3, 4, 5], grid.clone().scatter_(1, index, torch.tensor(new double[,] { { 7, 8 } })));
        Check.Close([0, 1, 2, 5, 6, 7], grid.index_add(0, torch.tensor(new long[] { 1 }), full([1, 3], 1.0, float64), 2));
        Check.Close([9, 9, 9, 3, 4, 5], grid.masked_fill(grid < 3, 9));
        Check.Close([3, 4, 5], grid.masked_select(grid >= 3));
        Check.Close([0, 1, 0, 2], grid[0].unsqueeze(0).nonzero());
        Check.Close([0, 1, 0, 0, 0, 1], grid.isin(torch.tensor(new double[] { 1, 5 })));
        Check.Close([1, 0, 2], torch.tensor(new long[] { 0, 2, 2 }).bincount(null));
    }
}
