namespace TorchSharp.Tests;

internal static class Check
{
    /// <summary>Fails with the largest difference, and says where it is.</summary>
    public static void Close(IReadOnlyList<double> expected, Tensor actual, double tolerance = 1e-5)
    {
        using var flat = actual.detach().to_type(ScalarType.Float64);
        using var contiguous = flat.contiguous();
        var values = contiguous.data<double>().ToArray();
        Assert.Equal(expected.Count, values.Length);
        for (var i = 0; i < values.Length; i++)
        {
            var difference = Math.Abs(expected[i] - values[i]);
            Assert.True(difference <= tolerance * Math.Max(1, Math.Abs(expected[i])) || (double.IsNaN(expected[i]) && double.IsNaN(values[i])) || expected[i] == values[i],
                $"element {i} is {values[i]:R}, expected {expected[i]:R} within {tolerance}");
        }
    }

    public static double[] Doubles(Tensor tensor)
    {
        using var converted = tensor.detach().to_type(ScalarType.Float64);
        return converted.data<double>().ToArray();
    }

    public static void Shape(long[] expected, Tensor actual) => Assert.Equal(expected, actual.shape);
}
