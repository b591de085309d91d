using System.Reflection;
using System.Runtime.InteropServices;

namespace TorchSharp.Tests.Interop;

public sealed class OperatorTests
{
    // scaled_dot_product_attention came with 2.0; the facade composes it before.
    private static readonly string[] NotBefore2 = ["scaled_dot_product_attention"];

    [Fact]
    public void Operators_All_ExistInThisLibtorch()
    {
        var missing = new List<string>();
        foreach (var field in typeof(Aten).GetFields(BindingFlags.Static | BindingFlags.NonPublic))
        {
            try
            {
                ((Operator)field.GetValue(null)!).Resolve();
            }
            catch (ExternalException exception)
            {
                missing.Add($"{field.Name}: {exception.Message}");
            }
        }
        var old = Diagnostics.LibtorchVersion.StartsWith("1.", StringComparison.Ordinal);
        Assert.All(missing, problem => Assert.True(old && NotBefore2.Any(problem.StartsWith), problem));
    }

    [Fact]
    public void Call_ShapesThatDoNotFit_ThrowsWithLibtorchsMessage()
    {
        using var scope = NewDisposeScope();
        var a = zeros(2, 3);
        var b = zeros(4, 5);
        var message = Assert.Throws<ExternalException>(() => a.matmul(b)).Message;
        Assert.Contains("2x3", message, StringComparison.Ordinal);
        Assert.Contains("4x5", message, StringComparison.Ordinal);
        Assert.DoesNotContain("frame #", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Call_AfterAnError_Works()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<ExternalException>(() => zeros(2).view(3));
        Assert.Equal(2, ones(2).sum().ToSingle());
    }

    [Fact]
    public void Call_UnknownOperator_NamesIt()
    {
        var unknown = new Operator("aten::no_such_operator");
        Assert.Contains("no_such_operator", Assert.Throws<ExternalException>(unknown.Resolve).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Call_ListsLongerThanTheStackBuffer_ArePassedWhole()
    {
        using var scope = NewDisposeScope();
        var parts = arange(300).split(Enumerable.Repeat(2L, 150).ToArray());
        Assert.Equal(150, parts.Length);
        Check.Close([.. Enumerable.Range(0, 300).Select(i => (double)i)], cat(parts));
    }

    [Fact]
    public void Call_ManyErrors_CostsNoBacktraces()
    {
        using var scope = NewDisposeScope();
        var a = zeros(2, 3);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        for (var i = 0; i < 200; i++)
        {
            Assert.Throws<ExternalException>(() => a.matmul(a));
        }
        // 3 ms each with libtorch's symbolised backtraces.
        Assert.True(watch.ElapsedMilliseconds < 300, $"200 errors took {watch.ElapsedMilliseconds} ms");
    }
}
