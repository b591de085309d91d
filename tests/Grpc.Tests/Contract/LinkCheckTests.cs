using System.Reflection;

namespace Grpc.Tests.Contract;

public sealed class LinkCheckTests
{
    private static readonly HashSet<string> Contracts = ["Grpc.Core.Api", "Grpc.Net.Common"];

    [Theory]
    [InlineData("Grpc.Net.Client")]
    [InlineData("Grpc.AspNetCore.Server")]
    public void PublishedTransport_OverOurContract_FindsEverythingItRefersTo(string assembly)
    {
        var references = LinkCheck.References(PathOf(assembly), Contracts).ToHashSet();

        Assert.True(references.Count > 60, $"{assembly} refers to {references.Count} members of the contract; far fewer than it uses were read.");
        Assert.Empty(references.Except(OurDefinitions()));
    }

    [Fact]
    public void PublishedTransport_WithoutOneMember_IsReported()
    {
        const string Removed = "Grpc.Core.Status::get_DebugException instance System.Exception()`0";
        var definitions = OurDefinitions();
        Assert.True(definitions.Remove(Removed), "The member to remove is gone; choose another.");

        Assert.Equal([Removed], LinkCheck.References(PathOf("Grpc.Net.Client"), Contracts).Distinct().Except(definitions));
    }

    [Fact]
    public void PublishedTransport_WithoutGrpcNetCommon_MissesItsTypes()
    {
        var missing = LinkCheck.References(PathOf("Grpc.Net.Client"), Contracts).Except(LinkCheck.Definitions(PathOf("Grpc.Core.Api")));

        Assert.Contains("Grpc.Core.ConnectivityState", missing);
    }

    [Theory]
    [InlineData("Grpc.Net.Client")]
    [InlineData("Grpc.AspNetCore.Server")]
    public void PublishedTransport_RefersTo_TheIdentityOursHave(string assembly)
    {
        var referred = Assembly.LoadFrom(PathOf(assembly)).GetReferencedAssemblies().Where(name => Contracts.Contains(name.Name!)).ToList();

        Assert.NotEmpty(referred);
        foreach (var name in referred)
        {
            var ours = AssemblyName.GetAssemblyName(PathOf(name.Name!));
            Assert.Equal(name.Version, ours.Version);
            Assert.Equal(name.GetPublicKeyToken(), ours.GetPublicKeyToken());
        }
    }

    private static HashSet<string> OurDefinitions() => [.. Contracts.SelectMany(name => LinkCheck.Definitions(PathOf(name)))];

    private static string PathOf(string assembly) => Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll");
}
