namespace TorchSharp.Tests.Autograd;

public sealed class AutogradTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Backward_WithWeights_AddsThemUp()
    {
        var x = torch.tensor(new float[] { 1, 2 }, requires_grad: true);
        x.square().backward([torch.tensor(new float[] { 10, 100 })]);
        Check.Close([20, 400], x.grad!);
    }

    [Fact]
    public void Backward_OnlyGivenInputs_LeavesTheOthersAlone()
    {
        var a = ones(1, requires_grad: true);
        var b = ones(1, requires_grad: true);
        autograd.backward((a * b * 3).sum(), inputs: [a]);
        Check.Close([3], a.grad!);
        Assert.Null(b.grad);
    }

    [Fact]
    public void Grad_WithCreateGraph_GivesSecondDerivatives()
    {
        var x = full([1], 2.0, float64, requires_grad: true);
        var first = autograd.grad([x.pow(3)], [x], create_graph: true)[0];
        var second = autograd.grad([first], [x])[0];
        Check.Close([12], first);
        Check.Close([12], second);
        Assert.Null(x.grad);
        Assert.Null(autograd.grad([x * 1.0], [ones(1, requires_grad: true)], allow_unused: true)[0]);
    }

    [Fact]
    public void RetainGrad_OfAnInnerTensor_KeepsIt()
    {
        var x = ones(2, requires_grad: true);
        var y = x * 3;
        y.retain_grad();
        y.sum().backward();
        Check.Close([1, 1], y.grad!);
        Check.Close([3, 3], x.grad!);
    }

    [Fact]
    public void NoGrad_UntilDisposed_RecordsNothing()
    {
        var x = ones(1, requires_grad: true);
        Assert.True(is_grad_enabled());
        using (no_grad())
        {
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
            {
                Assert.True((x * 2).requires_grad);
            }
            Assert.False(is_grad_enabled());
            using (set_grad_enabled(true))
            {
                Assert.True(is_grad_enabled());
            }
        }
        Assert.True(is_grad_enabled());
        using (inference_mode())
        {
            Assert.True(is_inference_mode_enabled());
            Assert.False((x * 2).requires_grad);
        }
        Assert.False(is_inference_mode_enabled());
    }

    [Fact]
    public void NoGrad_OnOneThread_LeavesAnotherAlone()
    {
        using var off = no_grad();
        var on = false;
        var thread = new Thread(() => on = is_grad_enabled());
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromSeconds(10)));
        Assert.True(on);
    }

    [Fact]
    public void Detach_AndLeaf_HaveNoHistory()
    {
        var x = ones(1, requires_grad: true);
        var y = x * 2;
        Assert.False(y.is_leaf);
        Assert.True(y.detach().is_leaf);
        Assert.False(y.detach().requires_grad);
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => y.requires_grad = false);
    }

    [Fact]
    public void Parameter_OfATensor_IsTheSameTensor()
    {
        var data = zeros(3);
        var parameter = nn.Parameter(data);
        using (no_grad())
        {
            _ = data.fill_(2);
        }
        Check.Close([2, 2, 2], parameter);
        Assert.True(parameter.requires_grad && parameter.is_leaf);
        Assert.True(scope.Contains(parameter));
        Assert.False(new Modules.Parameter(zeros(1), requires_grad: false).requires_grad);
    }

    [Fact]
    public void Hook_OnLeaves_RunsLastLayerFirstAfterAccumulation()
    {
        var a = ones(1, requires_grad: true);
        var b = full([1], 2f, requires_grad: true);
        var order = new List<string>();
        using (NativeHooks.OnGradientAccumulated(a, () => order.Add($"a {a.grad!.ToSingle()}")))
        using (NativeHooks.OnGradientAccumulated(b, () => order.Add($"b {b.grad!.ToSingle()}")))
        {
            ((a * 3) * b).sum().backward();
            Assert.Equal(["b 3", "a 6"], order);
            ((a * 3) * b).sum().backward();
            Assert.Equal(["b 3", "a 6", "b 6", "a 12"], order);
        }
        ((a * 3) * b).sum().backward();
        Assert.Equal(4, order.Count);
    }

    [Fact]
    public void Hook_ThatThrows_ComesOutOfBackwardAsItself()
    {
        var a = ones(1, requires_grad: true);
        using (NativeHooks.OnGradientAccumulated(a, () => throw new TimeoutException("mine")))
        {
            Assert.Equal("mine", Assert.Throws<TimeoutException>((a * 3).sum().backward).Message);
        }
        (a * 3).sum().backward();
        Assert.Equal(6, a.grad!.ToSingle());
    }

    [Fact]
    public void Hook_OnANonLeaf_IsRefused() =>
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => NativeHooks.OnGradientAccumulated(zeros(1), () => { }));
}
