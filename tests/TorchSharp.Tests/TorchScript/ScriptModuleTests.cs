using System.Runtime.InteropServices;

namespace TorchSharp.Tests.TorchScript;

/// <summary>affine.pt and difference.pt come from make_scripts.py beside this file.</summary>
public sealed class ScriptModuleTests
{
    private static readonly double[] Mapped = [10 + 5, 20 + 11, 30 + 17];

    [Fact]
    public void Call_SavedModule_ComputesWhatPythonSaved()
    {
        using var module = jit.load(PathOf("affine.pt"));
        using var x = Row(1, 2);
        using var y = (Tensor)module.call(x);
        Check.Shape([1, 3], y);
        Check.Close(Mapped, y);
        Assert.Equal(1, module.GetNumberOfInputs());
    }

    [Fact]
    public void Load_Bytes_IsTheSameModule()
    {
        using var module = jit.load<Tensor, Tensor>(PathOf("affine.pt"), CPU);
        using var other = jit.load(File.ReadAllBytes(PathOf("affine.pt")), "cpu");
        using var x = Row(1, 2);
        using var y = module.call(x);
        using var z = (Tensor)other.forward(x);
        Assert.True(y.Equals(z));
    }

    [Fact]
    public void Call_TwoValues_TakesThemInOrder()
    {
        using var module = jit.load<Tensor, Tensor, Tensor>(PathOf("difference.pt"));
        using var a = Row(5, 7);
        using var b = Row(1, 2);
        using var difference = module.call(a, b);
        Check.Close([4, 5], difference);
        Assert.Equal(2, module.GetNumberOfInputs());
    }

    [Fact]
    public void Train_Dropout_DropsUntilEval()
    {
        using var module = jit.load(PathOf("affine.pt"));
        using var x = ones(64, 2);
        Assert.False(module.training);
        module.train();
        Assert.True(module.training);
        using var dropped = (Tensor)module.call(x);
        module.eval();
        using var whole = (Tensor)module.call(x);
        using var zeros = dropped.eq(0);
        using var none = whole.eq(0);
        Assert.InRange(zeros.sum().ToInt64(), 1, 64 * 3 - 1);
        Assert.Equal(0, none.sum().ToInt64());
    }

    [Fact]
    public void To_Double_ConvertsWeightsAndResult()
    {
        using var module = jit.load(PathOf("affine.pt")).to(ScalarType.Float64);
        using var x = tensor(new double[] { 1, 2 }).reshape(1, 2);
        using var y = (Tensor)module.to(CPU).call(x);
        Assert.Equal(ScalarType.Float64, y.dtype);
        Check.Close(Mapped, y);
    }

    [Fact]
    public void Invoke_ExportedMethods_ConvertArgumentsAndResults()
    {
        using var module = jit.load(PathOf("affine.pt"));
        using var scope = NewDisposeScope();
        var x = Row(1, 2);
        Check.Close([-3, -6], module.invoke<Tensor>("scaled", x, 1.5, 2, true));
        Check.Close([3, 6], module.invoke<Tensor>("scaled", x, 1.5f, 2L));
        var (one, two) = module.invoke<(Tensor, Tensor)>("pair", x);
        Check.Close([2, 3], one);
        Check.Close([3, 4], two);
        var joined = module.invoke<Tensor[]>("joined", (object)new[] { x, one });
        Check.Close([1, 2, 2, 3], joined[0]);
        Check.Close([1, 2], joined[1]);
        Assert.Equal(2, ((Scalar)module.invoke("elements", x)).ToInt64());
    }

    [Fact]
    public void Call_ManyTimes_LeavesNoTensor()
    {
        using var module = jit.load(PathOf("affine.pt"));
        long before = Tensor.TotalCount;
        using (NewDisposeScope())
        {
            var x = Row(1, 2);
            for (int i = 0; i < 10; i++)
            {
                _ = module.call(x);
                _ = module.invoke("pair", x);
            }
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData("nothing", "has no method 'nothing'")]
    [InlineData("refuse", "not today")]
    [InlineData("minus", "missing value for argument")]
    [InlineData("named", "supported are a tensor")]
    public void Invoke_WhatCannotWork_SaysWhy(string method, string reason)
    {
        using var module = jit.load(PathOf("affine.pt"));
        using var x = Row(1, 2);
        var error = Assert.Throws<ExternalException>(() => module.invoke(method, x));
        Assert.Contains(reason, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Invoke_AnotherResultThanAsked_SaysBoth()
    {
        using var module = jit.load(PathOf("affine.pt"));
        using var scope = NewDisposeScope();
        var error = Assert.Throws<InvalidCastException>(() => module.invoke<Tensor>("elements", Row(1, 2)));
        Assert.Contains("returned Scalar, not Tensor", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoTorchScriptOrTruncated_NamesFileAndRemedy()
    {
        string folder = Directory.CreateTempSubdirectory("torchscript-").FullName;
        try
        {
            byte[] whole = File.ReadAllBytes(PathOf("affine.pt"));
            string file = Path.Combine(folder, "module.pt");
            foreach (byte[] content in new[] { [], "not a module"u8.ToArray(), whole[..(whole.Length / 2)], whole[..^20], new byte[5000] })
            {
                File.WriteAllBytes(file, content);
                var error = Assert.Throws<ExternalException>(() => jit.load(file));
                Assert.StartsWith($"Cannot load {file} as TorchScript", error.Message, StringComparison.Ordinal);
                Assert.Contains("torch.jit.script(module).save", error.Message, StringComparison.Ordinal);
                _ = Assert.Throws<ExternalException>(() => jit.load(content));
            }

            Assert.Throws<FileNotFoundException>(() => jit.load(file + ".not"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Call_Disposed_Throws()
    {
        var module = jit.load(PathOf("difference.pt"));
        module.Dispose();
        module.Dispose();
        Assert.Throws<ObjectDisposedException>(() => module.GetNumberOfInputs());
    }

    private static Tensor Row(float a, float b) => tensor([a, b]).reshape(1, 2);

    private static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "TorchScript", name);
}
