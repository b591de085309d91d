using System.Reflection;
using System.Runtime.InteropServices;
using Diffusion.Native.Collectives.Nccl;

namespace Diffusion.Native.Tests.Collectives.Nccl;

/// <summary>Our declarations against the published header: by a table of its facts, and by a header where one is.</summary>
public sealed unsafe class NcclNativeTests
{
    private static readonly MethodInfo[] Declared = [.. typeof(NcclNative).GetMethods(BindingFlags.Public | BindingFlags.Static).Where(method => method.Name.StartsWith(NcclNative.Prefix, StringComparison.Ordinal))];

    [Fact]
    public void Functions_AllDeclared_AreTheHeadersByNameAndParameters()
    {
        var facts = NcclFacts.Table().Functions;
        Assert.Equal(facts.Keys.Order(), Declared.Select(method => method.Name).Order());
        Assert.All(Declared, method => Assert.Equal(facts[method.Name], Signature(method)));
    }

    [Fact]
    public void Constants_AllUsed_HaveTheHeadersValues()
    {
        var facts = NcclFacts.Table().Constants;
        var used = Values<NcclResult>().Concat(Values<NcclDataType>()).Concat(Values<NcclOperation>())
            .Append(("NCCL_UNIQUE_ID_BYTES", NcclUniqueId.Bytes)).Append(("NCCL_API_MAGIC", NcclConfig.ApiMagic)).ToDictionary(StringComparer.OrdinalIgnoreCase);
        Assert.Equal(facts.Keys.Select(name => name.ToUpperInvariant()).Order(), used.Keys.Select(name => name.ToUpperInvariant()).Order());
        Assert.All(facts, fact => Assert.Equal(fact.Value, used[fact.Key]));
        Assert.Equal(NcclUniqueId.Bytes, sizeof(NcclUniqueId));
    }

    [Fact]
    public void Config_EveryField_LiesWhereTheHeaderPutsIt()
    {
        var facts = NcclFacts.Table().Fields;
        var fields = typeof(NcclConfig).GetFields(BindingFlags.Public | BindingFlags.Instance).ToDictionary(field => field.Name, field => (int)Marshal.OffsetOf<NcclConfig>(field.Name), StringComparer.OrdinalIgnoreCase);
        Assert.Equal(facts.Count, fields.Count);
        Assert.All(facts, fact => Assert.Equal(fact.Value, fields[fact.Key]));
    }

    [Theory]
    [InlineData(21403, 24, 21400)]
    [InlineData(21602, 24, 21400)]
    [InlineData(21701, 40, 21700)]
    [InlineData(21806, 48, 21800)]
    [InlineData(22602, 48, 21800)]
    [InlineData(22809, 48, 21800)]
    [InlineData(23007, 48, 21800)]
    public void NonBlocking_LibraryOfThatVersion_GetsALayoutItKnows(int library, int bytes, int version)
    {
        var config = NcclConfig.NonBlocking(library);
        Assert.Equal(((nuint)bytes, (uint)version, 0), (config.Size, config.Version, config.Blocking));
        Assert.True(bytes <= sizeof(NcclConfig) && bytes <= NcclFacts.Table(library / 100 % 100).ConfigBytes, "The library reads no byte that is not there, and none beyond its own.");
        Assert.All([config.CgaClusterSize, config.MinCtas, config.MaxCtas, config.SplitShare, config.TrafficClass], value => Assert.Equal(int.MinValue, value));
    }

    [NcclHeaderFact]
    public void Header_OfThisMachine_SaysWhatTheTableSays()
    {
        var (minor, header) = NcclHeader.Read(NcclHeader.Find()!);
        var table = NcclFacts.Table(minor);
        Assert.All(table.Functions, fact => Assert.Equal((fact.Key, fact.Value), (fact.Key, header.Functions.GetValueOrDefault(fact.Key))));
        Assert.All(table.Constants, fact => Assert.Equal((fact.Key, fact.Value), (fact.Key, header.Constants.GetValueOrDefault(fact.Key))));
        Assert.All(table.Fields, fact => Assert.Equal((fact.Key, fact.Value), (fact.Key, header.Fields.GetValueOrDefault(fact.Key, -1))));
        Assert.Equal(table.ConfigBytes, header.ConfigBytes);
    }

    private static IEnumerable<(string Name, long Value)> Values<T>()
        where T : struct, Enum => Enum.GetValues<T>().Select(value => ("nccl" + value, Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture)));

    private static string Signature(MethodInfo method) => NcclFacts.Signature(method.ReturnType == typeof(NcclResult) ? "result" : method.ReturnType == typeof(byte*) ? "text" : "unknown", method.GetParameters().Select(Kind));

    private static string Kind(ParameterInfo parameter) => parameter.ParameterType switch
    {
        { IsPointer: true } => "pointer",
        var type when type == typeof(nint) => "handle",
        var type when type == typeof(nuint) => "size",
        var type when type == typeof(NcclUniqueId) => "id",
        var type when type == typeof(int) || (type.IsEnum && Enum.GetUnderlyingType(type) == typeof(int)) => "int",
        var type => $"unknown ({type})",
    };
}

/// <summary>A test that reads a real header.</summary>
internal sealed class NcclHeaderFactAttribute : FactAttribute
{
    public NcclHeaderFactAttribute() => Skip = NcclHeader.Find() is null ? "No nccl.h on this machine: set NCCL_HOME to the folder that holds include/nccl.h." : null!;
}
