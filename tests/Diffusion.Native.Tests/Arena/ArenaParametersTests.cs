using TorchSharp;

namespace Diffusion.Native.Tests.Arenas;

public sealed class ArenaParametersTests
{
    private static readonly ArenaLayout Layout = new([("weight", [3, 2]), ("bias", [3])]);

    [Fact]
    public void Bind_TwoBackwardPasses_AccumulateInTheGradientArena()
    {
        using var weights = new Arena(Layout);
        using var gradients = new Arena(Layout);
        using var parameters = ArenaParameters.Bind(weights, gradients);
        for (int i = 0; i < 6; i++)
        {
            weights.Span(0)[i] = i;
        }

        long[] before = Addresses(parameters);
        Backward(parameters, gradients);
        Assert.Equal([1, 2, 1, 2, 1, 2], gradients.Span(0).ToArray());
        Assert.Equal([1, 1, 1], gradients.Span(1).ToArray());
        Backward(parameters, gradients);
        Assert.Equal([2, 4, 2, 4, 2, 4], gradients.Span(0).ToArray());
        Assert.Equal([2, 2, 2], gradients.Span(1).ToArray());
        Assert.Equal(before, Addresses(parameters));
        Assert.Equal(gradients.Address, before[0]);

        gradients.Zero();
        Assert.Equal(0, parameters["weight"].grad!.abs().sum().ToSingle());
        Backward(parameters, gradients);
        Assert.Equal([1, 2, 1, 2, 1, 2], gradients.Span(0).ToArray());
    }

    [Fact]
    public void Bind_WeightsMoveBetweenPasses_TheLeavesSeeThem()
    {
        using var weights = new Arena(Layout);
        using var gradients = new Arena(Layout);
        using var first = new Arena(Layout);
        using var second = new Arena(Layout);
        using var parameters = ArenaParameters.Bind(weights, gradients);
        Backward(parameters, gradients);
        FusedAdam.Apply(weights, gradients, first, second, [], new AdamStep { LearningRate = 0.5, Step = 1 }, threads: 1);

        Assert.Equal(-0.5, parameters["bias"][0].ToSingle(), 1e-6);
        Assert.Equal([0, 0, 0], gradients.Span(1).ToArray());
        Backward(parameters, gradients);
        Assert.Equal([1, 1, 1], gradients.Span(1).ToArray());
    }

    [Fact]
    public void Bind_OtherLayout_Throws()
    {
        using var weights = new Arena(Layout);
        using var gradients = new Arena(new ArenaLayout([("weight", [3, 2])]));
        Assert.Throws<ArgumentException>(() => ArenaParameters.Bind(weights, gradients));
    }

    /// <summary>d/dW of sum(x Wᵀ + b) at x = [1, 2].</summary>
    private static void Backward(ArenaParameters parameters, Arena gradients)
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.tensor(new float[] { 1, 2 }).view(1, 2);
        var y = x.matmul(parameters["weight"].t()).add(parameters["bias"]);
        y.sum().backward();
        Assert.Equal(0, gradients.Span(6, 58).ToArray().Sum(MathF.Abs));
    }

    private static unsafe long[] Addresses(ArenaParameters parameters) => [.. parameters.Select(leaf =>
    {
        fixed (byte* gradient = leaf.grad!.bytes)
        {
            return (long)gradient;
        }
    })];
}
