using static TorchSharp.torch;

namespace TorchSharp.Tests.Tensors;

public sealed class SmokeTests
{
    [Fact]
    public void Arithmetic_WithScope_ReturnsCountToWhereItWas()
    {
        var before = Tensor.TotalCount;
        using (NewDisposeScope())
        {
            var a = torch.tensor(new float[] { 1, 2, 3 });
            var b = (2 * a) + 1;
            Assert.Equal([3f, 5f, 7f], b.data<float>().ToArray());
            Assert.Equal(15, b.sum().ToSingle());
            var r = torch.randn([2, 3], generator: new Generator(5));
            Assert.Equal([2, 3], r.shape);
        }
        Assert.Equal(before, Tensor.TotalCount);
    }
}
