using Diffusion.Native.Operators;
using TorchSharp;

namespace Diffusion.Native.Tests.Operators;

/// <summary>The forms that GPUs choose between compute the same; each is compared with the plainest on the processor.</summary>
public sealed class ComposedFormsTests
{
    [Fact]
    public void CosineAttention_Fused_IsTheComposedOneWithItsGradient()
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(5);
        var input = torch.randn([2, 3 * 32, 4, 6], generator: generator);
        var cotangent = torch.randn([2, 32, 4, 6], generator: generator);
        var (plain, plainGradient) = Run(x => ComposedOperators.CosineAttention(x, 4, 1e-4, fused: false), input, cotangent);
        var (fused, fusedGradient) = Run(x => ComposedOperators.CosineAttention(x, 4, 1e-4, fused: true), input, cotangent);

        Assert.InRange(Largest(plain, fused), 0, 1e-5);
        Assert.InRange(Largest(plainGradient, fusedGradient), 0, 1e-5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Convolution_ChannelsLast_IsThePlainOneInAnotherOrder(long kernel)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(6);
        var input = torch.randn([2, 8, 5, 7], generator: generator);
        var weight = torch.randn([6, 8, kernel, kernel], generator: generator);
        var cotangent = torch.randn([2, 6, 5, 7], generator: generator);
        var (plain, plainGradient) = Run(x => ComposedOperators.Convolution(x, weight, channelsLast: false), input, cotangent);
        var (last, lastGradient) = Run(x => ComposedOperators.Convolution(x, weight, channelsLast: true), input, cotangent);

        Assert.InRange(Largest(plain, last), 0, 1e-4);
        Assert.InRange(Largest(plainGradient, lastGradient), 0, 1e-4);
        Assert.Equal(1, last.stride(1));
    }

    private static (torch.Tensor Output, torch.Tensor Gradient) Run(Func<torch.Tensor, torch.Tensor> form, torch.Tensor input, torch.Tensor cotangent)
    {
        var x = input.detach().clone().requires_grad_();
        var output = form(x);
        output.mul(cotangent).sum().backward();
        return (output.detach(), x.grad!);
    }

    private static double Largest(torch.Tensor a, torch.Tensor b) => a.sub(b).abs().max().ToDouble();
}
