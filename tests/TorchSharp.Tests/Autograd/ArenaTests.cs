namespace TorchSharp.Tests.Autograd;

/// <summary>Parameters and gradients as views of flat tensors, on which the whole trainer rests.</summary>
public sealed class ArenaTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Tensor weights = arange(10, dtype: float32);
    private readonly Tensor gradients = zeros(10);
    private readonly Tensor matrix;
    private readonly Tensor bias;

    public ArenaTests()
    {
        matrix = weights.narrow(0, 0, 6).view(2, 3).detach().requires_grad_();
        bias = weights.narrow(0, 8, 2).view(2).detach().requires_grad_();
        matrix.grad = gradients.narrow(0, 0, 6).view(2, 3);
        bias.grad = gradients.narrow(0, 8, 2).view(2);
    }

    public void Dispose() => scope.Dispose();

    private Tensor Forward(Tensor x) => nn.functional.linear(x, matrix, bias).sum();

    [Fact]
    public void Parameters_OfOneArena_AreLeavesSharingItsMemory()
    {
        Assert.True(matrix.is_leaf && bias.is_leaf && matrix.requires_grad);
        Assert.Equal(NativeHooks.DataPointer(weights), NativeHooks.DataPointer(matrix));
        Assert.Equal(NativeHooks.DataPointer(weights) + (8 * sizeof(float)), NativeHooks.DataPointer(bias));
    }

    [Fact]
    public void Backward_PresetGradientViews_AccumulatesIntoTheArena()
    {
        var before = NativeHooks.DataPointer(matrix.grad!);
        var x = torch.tensor(new float[,] { { 1, 2, 3 } });
        Forward(x).backward();
        Check.Close([1, 2, 3, 1, 2, 3, 0, 0, 1, 1], gradients);
        Forward(x).backward();
        Check.Close([2, 4, 6, 2, 4, 6, 0, 0, 2, 2], gradients);
        Assert.Equal(before, NativeHooks.DataPointer(matrix.grad!));
        Assert.Equal(NativeHooks.DataPointer(gradients), NativeHooks.DataPointer(matrix.grad!));
        _ = gradients.zero_();
        Check.Close([0, 0, 0, 0, 0, 0], matrix.grad!);
    }

    [Fact]
    public void Forward_AfterTheArenaChangedInPlace_UsesTheNewWeights()
    {
        var x = ones(1, 3);
        for (var step = 1; step <= 3; step++)
        {
            using (no_grad())
            {
                _ = weights.fill_(step);
            }
            _ = gradients.zero_();
            var loss = Forward(x).square();
            Assert.Equal(64.0 * step * step, loss.ToDouble());
            loss.backward();
            // d/db (8s)² = 16 s.
            Check.Close([.. Enumerable.Repeat(16.0 * step, 6), 0, 0, 16.0 * step, 16.0 * step], gradients);
        }
    }

    [Fact]
    public void Backward_ArenaChangedAfterTheForward_Fails()
    {
        var loss = matrix.square().sum();
        using (no_grad())
        {
            _ = weights.mul_(2);
        }
        var error = Assert.Throws<System.Runtime.InteropServices.ExternalException>(loss.backward);
        Assert.Contains("inplace operation", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void VariableData_OneViewChangedInMidForward_LeavesTheOthersUsable()
    {
        var first = NativeHooks.VariableData(weights.narrow(0, 0, 6)).requires_grad_();
        var second = NativeHooks.VariableData(weights.narrow(0, 6, 4)).requires_grad_();
        var loss = first.square().sum();
        using (no_grad())
        {
            _ = second.mul_(2);
        }
        (loss + second.square().sum()).backward();
        Check.Close([0, 2, 4, 6, 8, 10], first.grad!);
    }

    [Fact]
    public void Grad_SetToNull_IsGone()
    {
        bias.grad = null;
        Assert.Null(bias.grad);
        Forward(ones(1, 3)).backward();
        Check.Close([1, 1], bias.grad!);
        Check.Close([0, 0], gradients.narrow(0, 8, 2));
    }

    [Fact]
    public void TotalCount_AfterAStepInItsOwnScope_IsWhereItWas()
    {
        var before = Tensor.TotalCount;
        using (NewDisposeScope())
        {
            Forward(ones(4, 3)).backward();
        }
        Assert.Equal(before, Tensor.TotalCount);
    }
}
