namespace TorchSharp.Tests.Tensors;

public sealed class FactoryTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Zeros_ByEverySignature_HaveShapeAndType()
    {
        Check.Shape([2], zeros(2));
        Check.Shape([2, 3], zeros(2, 3));
        Check.Shape([2, 3, 4], zeros(2, 3, 4));
        Check.Shape([2, 3, 4, 5], zeros([2, 3, 4, 5], ScalarType.Int64));
        Assert.Equal(ScalarType.Float32, zeros(2).dtype);
        Assert.Equal(ScalarType.Int64, zeros([2], ScalarType.Int64).dtype);
        Assert.True(zeros(2, requires_grad: true).requires_grad);
        Check.Close([0, 0], zeros(2));
        Check.Close([1, 1, 1, 1], ones(2, 2, dtype: float64));
        Check.Shape([2, 2], empty(2, 2));
    }

    [Fact]
    public void Full_TypeOfTheValue_IsTheDefault()
    {
        Assert.Equal(ScalarType.Float32, full([2], 1.5).dtype);
        Assert.Equal(ScalarType.Int64, full([2], 3).dtype);
        Assert.Equal(ScalarType.Bool, full([2], true).dtype);
        Check.Close([1.5, 1.5], full(2, 1.5f));
        Check.Close([7, 7, 7, 7], full(2, 2, 7, float32));
    }

    [Fact]
    public void Ranges_AsInPython_HaveTheirElements()
    {
        Check.Close([0, 1, 2], arange(3));
        Assert.Equal(ScalarType.Int64, arange(3).dtype);
        Check.Close([1, 1.5, 2], arange(1, 2.5, 0.5));
        Check.Close([2, 3, 4], arange(2, 5));
        Check.Close([0, 0.25, 0.5, 0.75, 1], linspace(0, 1, 5, dtype: float64));
        Check.Close([1, 10, 100], logspace(0, 2, 3));
        Check.Close([1, 0, 0, 0, 1, 0], eye(2, 3));
        Check.Shape([3, 3], eye(3));
    }

    [Fact]
    public void Like_AnotherTensor_TakesShapeAndType()
    {
        var model = torch.tensor(new long[] { 1, 2, 3 });
        Assert.Equal(ScalarType.Int64, zeros_like(model).dtype);
        Assert.Equal(ScalarType.Float32, ones_like(model, float32).dtype);
        Check.Close([5, 5, 5], full_like(model, 5));
        Check.Shape([3], randn_like(model, float32));
        Check.Shape([3], rand_like(model, float32));
        Check.Close([0, 0], model.new_zeros([2]));
        Check.Close([4, 4], model.new_full([2], 4));
        Check.Shape([3], model.empty_like());
    }

    [Fact]
    public void Tensor_OfValues_CopiesThem()
    {
        float[] values = [1, 2, 3, 4];
        var copy = torch.tensor(values);
        values[0] = 9;
        Check.Close([1, 2, 3, 4], copy);
        Check.Shape([2, 2], torch.tensor(values, [2, 2]));
        Check.Shape([2, 1], torch.tensor(new float[,] { { 1 }, { 2 } }));
        Assert.Equal(ScalarType.Int64, torch.tensor(3L).dtype);
        Assert.Equal(ScalarType.Int32, torch.tensor(3).dtype);
        Assert.Equal(ScalarType.Float32, torch.tensor(3f).dtype);
        Assert.Equal(ScalarType.Float64, torch.tensor(3.0).dtype);
        Assert.Equal(ScalarType.Float16, torch.tensor(new[] { (Half)1 }).dtype);
        Assert.Equal(ScalarType.Float64, torch.tensor(values, dtype: float64).dtype);
        Assert.Throws<ArgumentException>(() => torch.tensor(values, [3]));
    }

    [Fact]
    public void FromArray_OfThreeDimensions_KeepsTheirOrder()
    {
        var cube = new int[2, 2, 2];
        cube[1, 0, 1] = 7;
        var tensor = from_array(cube);
        Check.Shape([2, 2, 2], tensor);
        Assert.Equal(7, tensor[1, 0, 1].item<int>());
        Assert.Equal(ScalarType.Float32, from_array(cube, float32).dtype);
    }

    [Fact]
    public void FromBuffer_Array_SharesItsMemoryWhileTheStorageLives()
    {
        float[] values = [1, 2, 3, 4];
        var shared = frombuffer(values, ScalarType.Float32, count: 2, offset: 1);
        var view = shared.narrow(0, 1, 1);
        shared.Dispose();
        GC.Collect();
        _ = view.fill_(9);
        Assert.Equal([1, 2, 9, 4], values);
        Assert.Throws<ArgumentException>(() => frombuffer(values, ScalarType.Float32, offset: 4));
        Assert.Throws<IndexOutOfRangeException>(() => frombuffer(values, ScalarType.Float32, count: 5));
    }

    [Fact]
    public void Names_Given_AreRefused() => Assert.Throws<NotSupportedException>(() => zeros([2], names: ["N"]));

    [Fact]
    public void Device_Descriptions_AreParsed()
    {
        Assert.Equal("cuda:1", new Device("cuda:1").ToString());
        Assert.Equal(DeviceType.CPU, device("cpu").type);
        Assert.Equal(-1, CUDA.index);
        Assert.Equal("cpu", zeros(1).device.ToString());
        Assert.Throws<ArgumentException>(() => new Device("tpu"));
        Assert.Throws<ArgumentException>(() => new Device("cuda:x"));
    }
}
