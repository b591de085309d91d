using F = TorchSharp.torch.nn.functional;

namespace TorchSharp.Tests.Functional;

/// <summary>Against slow, obvious twins, or results known by hand.</summary>
public sealed class FunctionalTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Generator generator = new(17);

    public void Dispose()
    {
        generator.Dispose();
        scope.Dispose();
    }

    private Tensor Random(params long[] size) => randn(size, float64, generator: generator);

    [Theory]
    [InlineData(1, 0, 1, 1)]
    [InlineData(2, 1, 1, 1)]
    [InlineData(1, 2, 2, 2)]
    public void Conv2d_StridePaddingDilationGroups_IsTheSumItStandsFor(int stride, int padding, int dilation, int groups)
    {
        var x = Random(2, 4, 7, 6);
        var w = Random(6, 4 / groups, 3, 3);
        var b = Random(6);
        var actual = F.conv2d(x, w, b, [stride, stride], [padding, padding], [dilation, dilation], groups);
        double[] xs = Check.Doubles(x), ws = Check.Doubles(w), bs = Check.Doubles(b);
        int height = (int)actual.size(2), width = (int)actual.size(3), perGroup = 4 / groups;
        var expected = new List<double>();
        for (var n = 0; n < 2; n++)
        {
            for (var k = 0; k < 6; k++)
            {
                for (var i = 0; i < height * width; i++)
                {
                    var sum = bs[k];
                    for (var j = 0; j < perGroup * 9; j++)
                    {
                        int c = j / 9, r = (i / width * stride) - padding + (j % 9 / 3 * dilation), s = (i % width * stride) - padding + (j % 3 * dilation);
                        if (r is >= 0 and < 7 && s is >= 0 and < 6)
                        {
                            sum += ws[(((k * perGroup) + c) * 9) + (j % 9)] * xs[(((((n * 4) + (k / (6 / groups) * perGroup) + c) * 7) + r) * 6) + s];
                        }
                    }
                    expected.Add(sum);
                }
            }
        }
        Check.Close(expected, actual, 1e-10);
    }

    [Fact]
    public void ConvTranspose2d_IsTheAdjointOfConv2d()
    {
        var x = Random(1, 3, 6, 6);
        var w = Random(4, 3, 2, 2);
        var y = Random(1, 4, 3, 3);
        var left = (F.conv2d(x, w, strides: [2, 2]) * y).sum().ToDouble();
        var right = (x * F.conv_transpose2d(y, w, strides: [2, 2])).sum().ToDouble();
        Assert.Equal(left, right, 1e-9);
    }

    [Fact]
    public void Attention_ByEveryMask_IsTheFormula()
    {
        var q = Random(2, 3, 5, 4);
        var k = Random(2, 3, 6, 4);
        var v = Random(2, 3, 6, 2);
        var logits = q.matmul(k.transpose(-2, -1)) / 2;
        Assert.True(F.scaled_dot_product_attention(q, k, v).allclose(logits.softmax(-1).matmul(v), 1e-9));
        var bias = Random(5, 6);
        Assert.True(F.scaled_dot_product_attention(q, k, v, bias).allclose((logits + bias).softmax(-1).matmul(v), 1e-9));
        var causal = ones([5, 6], @bool).tril();
        var masked = logits.masked_fill(~causal, double.NegativeInfinity).softmax(-1).matmul(v);
        Assert.True(F.scaled_dot_product_attention(q, k, v, causal).allclose(masked, 1e-9));
        Assert.True(F.scaled_dot_product_attention(q, k, v, is_casual: true).allclose(masked, 1e-9));
    }

    [Fact]
    public void Normalisations_HaveTheirStatistics()
    {
        var x = Random(2, 4, 3, 3);
        var grouped = F.group_norm(x, 2).view(2, 2, -1);
        Check.Close([0, 0, 0, 0], grouped.mean([2]), 1e-9);
        Check.Close([1, 1, 1, 1], grouped.var(2, unbiased: false), 1e-4);
        Check.Close([0, 0, 0], F.layer_norm(Random(3, 5), [5]).mean([1]), 1e-9);
        Check.Close([0.6, 0.8], F.normalize(torch.tensor(new double[,] { { 3, 4 } })));
        Check.Close([3.0 / 7, 4.0 / 7], F.normalize(torch.tensor(new double[] { 3, 4 }), p: 1, dim: 0));
        Check.Close([2], F.batch_norm(full([1, 1, 1, 1], 5.0, float64), full([1], 1.0, float64), full([1], 4.0, float64), eps: 0));
    }

    [Fact]
    public void Losses_OfKnownNumbers_AreThose()
    {
        var logits = torch.tensor(new double[,] { { 1, 2, 3 }, { 3, 0, 0 } });
        var classes = torch.tensor(new long[] { 2, 0 });
        double first = Math.Log(Math.Exp(-2) + Math.Exp(-1) + 1), second = Math.Log(1 + (2 * Math.Exp(-3)));
        Check.Close([(first + second) / 2], F.cross_entropy(logits, classes));
        Check.Close([first, second], F.cross_entropy(logits, classes, reduction: nn.Reduction.None));
        Check.Close([second], F.cross_entropy(logits, classes, ignore_index: 2));
        Check.Close([5], F.mse_loss(torch.tensor(new double[] { 1, 3 }), torch.zeros([2], float64)));
        Check.Close([4], F.l1_loss(torch.tensor(new double[] { 1, 3 }), torch.zeros([2], float64), nn.Reduction.Sum));
        Check.Close([Math.Log(2)], F.binary_cross_entropy_with_logits(zeros(1), ones(1)));
        Check.Close([Math.Log(2)], F.binary_cross_entropy(full([1], 0.5), ones(1)));
    }

    [Fact]
    public void Resampling_OfKnownImages_IsThat()
    {
        var x = arange(4, dtype: float64).view(1, 1, 2, 2);
        Check.Close([1.5], F.avg_pool2d(x, 2));
        Check.Close([3], F.max_pool2d(x, 2));
        Check.Close([1.5], F.adaptive_avg_pool2d(x, 1));
        Check.Close([0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3], F.interpolate(x, scale_factor: [2, 2]));
        Check.Close([0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3], F.interpolate(x, size: [3, 3], mode: InterpolationMode.Bilinear, align_corners: true));
        Check.Close([1.5], F.interpolate(x, size: [1, 1], mode: InterpolationMode.Area));
        Check.Shape([1, 1, 4, 4], F.interpolate(x, [4, 4], mode: InterpolationMode.Bicubic));
        Check.Shape([1, 1, 1, 1], F.interpolate(x, [1, 1], mode: InterpolationMode.Bilinear, antialias: true));
        Check.Close([1.5], F.interpolate(x, [1, 1], mode: InterpolationMode.Bilinear, antialias: true));
        Assert.Throws<ArgumentException>(() => F.interpolate(x));
        Check.Shape([1, 4, 1, 1], F.pixel_unshuffle(x, 2));
        Check.Close([0, 1, 2, 3], F.pixel_shuffle(F.pixel_unshuffle(x, 2), 2));
        Check.Shape([1, 4, 1], F.unfold(x, 2));
    }

    [Fact]
    public void Padding_OfEveryMode_Continues()
    {
        var x = arange(3, dtype: float64).view(1, 1, 3);
        Check.Close([7, 0, 1, 2, 7, 7], F.pad(x, (1, 2), value: 7));
        Check.Close([1, 0, 1, 2, 1], F.pad(x, (1, 1), PaddingModes.Reflect));
        Check.Close([0, 0, 1, 2, 2], F.pad(x, [1L, 1L], PaddingModes.Replicate));
        Check.Close([2, 0, 1, 2, 0], F.pad(x, (1, 1), PaddingModes.Circular));
        Check.Shape([1, 1, 4, 5], F.pad(zeros(1, 1, 2, 2), (1, 2, 0, 2), PaddingModes.Constant));
        Check.Shape([1, 1, 4, 4], F.pad(zeros(1, 1, 2, 2), (1, 1, 1, 1), PaddingModes.Reflect));
    }

    [Fact]
    public void GridSample_OfTheIdentity_IsTheImage()
    {
        var x = Random(1, 2, 4, 5);
        var identity = torch.tensor(new double[] { 1, 0, 0, 0, 1, 0 }, [1, 2, 3]);
        Assert.True(F.grid_sample(x, F.affine_grid(identity, [1, 2, 4, 5])).allclose(x));
        var mirrored = torch.tensor(new double[] { -1, 0, 0, 0, 1, 0 }, [1, 2, 3]);
        Assert.True(F.grid_sample(x, F.affine_grid(mirrored, [1, 2, 4, 5]), GridSampleMode.Nearest, GridSamplePaddingMode.Reflection).allclose(x.flip(3)));
        var far = full([1, 1, 1, 2], 9.0, float64);
        Check.Close([0, 0], F.grid_sample(x, far));
        Check.Close(Check.Doubles(x[0, TensorIndex.Colon, 3, 4]), F.grid_sample(x, far, padding_mode: GridSamplePaddingMode.Border));
    }

    [Fact]
    public void Activations_AndDropout_AreThose()
    {
        var x = torch.tensor(new double[] { -1, 0, 2 });
        Check.Close([Math.Log(1 + Math.Exp(-1)), Math.Log(2), Math.Log(1 + Math.Exp(2))], F.softplus(x));
        Check.Close(Check.Doubles(x.exp() / x.exp().sum()), F.softmax(x, 0));
        Check.Close(Check.Doubles(F.softmax(x, 0).log()), F.log_softmax(x, 0));
        var inPlace = x.clone();
        Assert.Same(inPlace, F.relu(inPlace, inplace: true));
        Check.Close([0, 0, 2], inPlace);
        Check.Close(Check.Doubles(x), F.dropout(x, training: false));
        var dropped = F.dropout(ones(10000), 0.25);
        Assert.InRange(dropped.mean().ToDouble(), 0.96, 1.04);
        Assert.Equal(4f / 3, dropped.max().ToSingle(), 1e-6);
        Check.Close([0, 1, 0, 0, 0, 1], F.one_hot(torch.tensor(new long[] { 1, 2 }), 3));
    }

    [Fact]
    public void Products_ByEveryName_AreTheSame()
    {
        var a = Random(2, 3);
        var b = Random(3, 4);
        var product = Check.Doubles(a.mm(b));
        Check.Close(product, a.matmul(b));
        Check.Close(product, einsum("ij,jk->ik", a, b));
        Check.Close(product, a.unsqueeze(0).bmm(b.unsqueeze(0)));
        Check.Close(product, F.linear(a, b.t()));
        Check.Close(product, torch.zeros([2, 4], float64).addmm(a, b));
        Check.Close([.. product.Select(x => (2 * x) + 3)], full([1, 2, 4], 1.0, float64).baddbmm(a.unsqueeze(0), b.unsqueeze(0), beta: 3, alpha: 2));
        Check.Close(Check.Doubles(a.mv(b[TensorIndex.Colon, 0])), a.mm(b)[TensorIndex.Colon, 0]);
        Check.Close([14], torch.tensor(new double[] { 1, 2, 3 }).dot(torch.tensor(new double[] { 1, 2, 3 })));
    }

    [Fact]
    public void Factorisations_MultipliedOut_AreTheMatrix()
    {
        var a = Random(4, 4);
        var symmetric = a.mm(a.t()) + eye(4, dtype: float64);
        var (values, vectors) = linalg.eigh(symmetric);
        Assert.True(vectors.mm(values.diag()).mm(vectors.t()).allclose(symmetric, 1e-9));
        Assert.True(linalg.eigvalsh(symmetric).allclose(values, 1e-9));
        var (u, s, vh) = linalg.svd(Random(5, 3), fullMatrices: false);
        Check.Shape([5, 3], u);
        Check.Shape([3, 3], vh);
        Assert.True((s[0] >= s[1]).ToBoolean());
        var lower = linalg.cholesky(symmetric);
        Assert.True(lower.mm(lower.t()).allclose(symmetric, 1e-9));
        Assert.True(linalg.inv(symmetric).mm(symmetric).allclose(eye(4, dtype: float64), 1e-9, 1e-9));
        Assert.Equal(linalg.eigvalsh(symmetric).prod().ToDouble(), linalg.det(symmetric).ToDouble(), 1e-6);
        Assert.True(linalg.svdvals(symmetric).allclose(values.flip(0), 1e-9));
        Assert.True(linalg.solve(symmetric, a).allclose(linalg.inv(symmetric).mm(a), 1e-8, 1e-9));
    }

    [Fact]
    public void Init_OfWeights_IsInPlaceAndUnrecorded()
    {
        var w = zeros(64, 32, requires_grad: true);
        Assert.Same(w, nn.init.normal_(w, 1, 0.5, generator));
        Assert.True(w.is_leaf);
        Assert.InRange(w.mean().ToDouble(), 0.95, 1.05);
        Assert.Equal((32, 64), nn.init.CalculateFanInAndFanOut(w));
        Assert.InRange(nn.init.xavier_uniform_(w).abs().max().ToDouble(), 0.2, 0.25);
        Check.Close([3], nn.init.constant_(zeros(1), 3));
    }
}
