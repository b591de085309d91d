using System.Diagnostics;

namespace MessagePack.Tests.Interop;

/// <summary>A fact that needs an interpreter with msgpack.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonMessagePackFactAttribute : FactAttribute
{
    public PythonMessagePackFactAttribute()
    {
        if (Interpreter is null)
        {
            Skip = "No python3 here imports msgpack. Install python3-msgpack.";
        }
    }

    /// <summary>The system's interpreter first: that is where distribution packages are.</summary>
    public static string? Interpreter { get; } = new[] { "/usr/bin/python3", "python3" }.FirstOrDefault(CanImport);

    private static bool CanImport(string interpreter)
    {
        try
        {
            using var probe = Process.Start(new ProcessStartInfo(interpreter, ["-c", "import msgpack"]) { RedirectStandardError = true })!;
            return probe.WaitForExit(TimeSpan.FromSeconds(20)) && probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}

public sealed class PythonInteropTests
{
    /// <summary>What we write is what Python writes of what it read: both agree on the meaning and on every shortest form.</summary>
    [PythonMessagePackFact]
    public async Task Trees_UnpackedAndPackedByPython_AreTheSameBytes()
    {
        // Python has one kind of float and packs it in one width.
        var values = Enumerable.Range(0, 400).Select(seed => AllDouble(new RandomValues(seed).Next())).ToArray();
        var sent = Written(values);

        var received = await RepackAsync(sent);

        AssertSame(sent, received);
        var reader = new MessagePackReader(received);
        foreach (var value in values)
        {
            Assert.Equal(value, Value.ReadFrom(ref reader));
        }
    }

    [PythonMessagePackFact]
    public async Task Singles_UnpackedAndPackedByPython_AreTheSameBytes()
    {
        var sent = Written(new[] { 0f, -0f, 1.5f, float.MaxValue, float.Epsilon, float.NegativeInfinity, 1f / 3 }.Select(number => new Value.Single(number)));

        AssertSame(sent, await RepackAsync(sent, "single"));
    }

    /// <summary>A timestamp that Python reads as one and writes again.</summary>
    [PythonMessagePackFact]
    public async Task Timestamps_UnpackedAndPackedByPython_AreTheSameBytes()
    {
        string[] times = ["1970-01-01T00:00:00Z", "2024-06-11T12:34:56.7891234Z", "2106-02-07T06:28:16Z", "2600-01-01T00:00:00Z", "1900-01-01T00:00:00.5Z"];
        var sent = Value.Bytes(buffer =>
        {
            var writer = new MessagePackWriter(buffer);
            foreach (var time in times)
            {
                writer.Write(DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture).UtcDateTime);
            }

            writer.Flush();
        });

        AssertSame(sent, await RepackAsync(sent));
    }

    [PythonMessagePackFact]
    public async Task Boundaries_UnpackedAndPackedByPython_AreTheSameBytes()
    {
        Value[] boundaries =
        [
            .. from shift in Enumerable.Range(0, 65)
               from offset in new[] { -1, 0, 1 }
               from sign in new[] { -1, 1 }
               select new Value.Whole(Int128.Clamp(sign * ((Int128.One << shift) + offset), long.MinValue, ulong.MaxValue)),
            .. new[] { 0, 31, 32, 255, 256, 65535, 65536 }.Select(length => new Value.Text(new string('x', length))),
            .. new[] { 0, 255, 256, 65535, 65536 }.Select(length => new Value.Blob(new string('0', 2 * length))),
            .. new[] { 1, 2, 3, 4, 8, 16, 17, 255, 256, 65536 }.Select(length => new Value.Extension(7, new string('0', 2 * length))),
            .. new[] { 0, 15, 16, 65535, 65536 }.Select(count => new Value.List([.. Enumerable.Repeat(new Value.Empty(), count)])),
            .. new[] { 0, 15, 16, 65536 }.Select(count => new Value.Table([.. Enumerable.Range(0, count).Select(key => ((Value)new Value.Whole(key), (Value)new Value.Truth(true)))])),
            .. new[] { 0.0, -0.0, double.MaxValue, double.Epsilon, double.PositiveInfinity, double.NegativeInfinity }.Select(number => new Value.Real(number)),
        ];
        var sent = Written(boundaries);

        AssertSame(sent, await RepackAsync(sent));
    }

    private static byte[] Written(IEnumerable<Value> values) => [.. values.SelectMany(value => value.Written())];

    private static void AssertSame(byte[] sent, byte[] received) =>
        Assert.True(sent.AsSpan().SequenceEqual(received), $"Of {sent.Length} bytes {received.Length} came back; the first difference is at {sent.AsSpan().CommonPrefixLength(received)}.");

    private static Value AllDouble(Value value) => value switch
    {
        Value.Single single => new Value.Real(single.Number),
        Value.List list => new Value.List([.. list.Items.Select(AllDouble)]),
        Value.Table table => new Value.Table([.. table.Pairs.Select(pair => (AllDouble(pair.Key), AllDouble(pair.Value)))]),
        _ => value,
    };

    private static async Task<byte[]> RepackAsync(byte[] bytes, params string[] arguments)
    {
        var start = new ProcessStartInfo(PythonMessagePackFactAttribute.Interpreter!, [Path.Combine(AppContext.BaseDirectory, "Interop", "repack.py"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var process = Process.Start(start)!;
        var output = new MemoryStream();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(output, bound.Token);
        var errors = process.StandardError.ReadToEndAsync(bound.Token);
        await process.StandardInput.BaseStream.WriteAsync(bytes, bound.Token);
        process.StandardInput.Close();
        await reading;
        await process.WaitForExitAsync(bound.Token);
        Assert.True(process.ExitCode == 0, await errors);
        return output.ToArray();
    }
}
