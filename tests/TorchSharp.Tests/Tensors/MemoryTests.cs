namespace TorchSharp.Tests.Tensors;

public sealed class MemoryTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Bytes_WrittenThroughTheSpan_AreTheElements()
    {
        var tensor = zeros(2);
        BitConverter.TryWriteBytes(tensor.bytes[4..], 3.5f);
        Check.Close([0, 3.5], tensor);
        tensor.bytes = new byte[8];
        Check.Close([0, 0], tensor);
        Assert.Throws<ArgumentException>(() => tensor.bytes = new byte[7]);
        Assert.Throws<InvalidOperationException>(() => _ = zeros(2, 2).t().bytes.Length);
    }

    [Fact]
    public void Data_OfATransposedView_FollowsTheDimensions()
    {
        var view = arange(6, dtype: float32).view(2, 3).t();
        var data = view.data<float>();
        Assert.Equal([0f, 3, 1, 4, 2, 5], data.ToArray());
        Assert.Equal([0f, 3, 1, 4, 2, 5], data);
        Assert.Equal(4f, data[1, 1]);
        Assert.Equal(4f, data[3]);
        data[1, 1] = 9;
        data.CopyFrom([7f], 0, 5);
        Assert.Equal([0f, 3, 1, 9, 2, 7], data.ToArray());
        var part = new float[3];
        data.CopyTo(part, 1, 4);
        Assert.Equal([0f, 2, 7], part);
        Assert.Throws<IndexOutOfRangeException>(() => data[6]);
        Assert.Throws<IndexOutOfRangeException>(() => data[0, 2]);
    }

    [Fact]
    public void Data_OfAnotherType_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => zeros(2).data<double>());
        Assert.Throws<ArgumentException>(() => zeros(2).item<float>());
        Assert.Equal(4f, full([1], 4f).item<float>());
    }

    [Fact]
    public void Conversions_OfOneElement_GiveItsValue()
    {
        var tensor = full([1, 1], 3.75);
        Assert.Equal(3.75f, tensor.ToSingle());
        Assert.Equal(3.75, tensor.ToDouble());
        Assert.Equal(3, tensor.ToInt64());
        Assert.Equal(3, (int)tensor);
        Assert.True(tensor.ToBoolean());
        Assert.Equal(3.75, tensor.ToScalar().ToDouble());
        Assert.Contains("3.75", tensor.ToString(), StringComparison.Ordinal);
        Assert.Equal("[2x3], type = Float32, device = cpu", zeros(2, 3).ToString());
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => zeros(2).ToSingle());
    }

    [Fact]
    public void To_SameType_SharesMemoryUnlessACopyIsAsked()
    {
        var tensor = zeros(2);
        _ = tensor.to(float32).fill_(1);
        Check.Close([1, 1], tensor);
        _ = tensor.to(float32, copy: true).fill_(2);
        Check.Close([1, 1], tensor);
        Assert.Equal(ScalarType.BFloat16, tensor.to(bfloat16).dtype);
        Assert.Equal(ScalarType.Float64, tensor.to(float64, CPU).dtype);
        Assert.Equal(ScalarType.Int64, tensor.to(zeros([1], int64)).dtype);
        Assert.Equal(ScalarType.Float16, tensor.half().dtype);
        var consumed = zeros(1);
        _ = consumed.to(float64, disposeAfter: true);
        Assert.True(consumed.IsInvalid);
        _ = tensor.cpu().to("cpu").to(DeviceType.CPU);
        Assert.Throws<ArgumentException>(() => tensor.cuda(CPU));
    }

    [Fact]
    public void InPlace_Methods_ReturnTheSameWrapper()
    {
        var tensor = zeros(3);
        var count = Tensor.TotalCount;
        Assert.Same(tensor, tensor.fill_(4).add_(ones(3)).mul_(2).sub_(1).div_(3).clamp_(0, 2).sqrt_());
        Assert.Equal(count + 1, Tensor.TotalCount);
    }

    [Fact]
    public void Metadata_OfAView_DescribesIt()
    {
        var view = zeros(4, 6).narrow(1, 2, 3);
        Check.Shape([4, 3], view);
        Assert.Equal([6, 1], view.stride());
        Assert.Equal(6, view.stride(-2));
        Assert.Equal(2, view.storage_offset());
        Assert.False(view.is_contiguous());
        Assert.True(view.contiguous().is_contiguous());
        Assert.Equal(3, view.size(-1));
        Assert.Equal(2, view.ndim);
        Assert.Equal(12, view.NumberOfElements);
        Assert.Equal(4, view.ElementSize);
        Assert.True(view.is_cpu() && view.is_floating_point() && !view.is_integral());
    }

    [Fact]
    public void Equals_SameElements_IsTrue()
    {
        Assert.True(ones(2).Equals(ones(2)));
        Assert.False(ones(2).Equals(zeros(2)));
        Assert.False(ones(2).Equals((object?)null));
        Assert.True((ones(2) == ones(2)).all().ToBoolean());
    }
}
