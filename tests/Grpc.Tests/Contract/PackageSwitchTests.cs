using System.Diagnostics;
using System.Text.Json;
using System.Xml.Linq;

namespace Grpc.Tests.Contract;

/// <summary>What a project asks for, evaluated by MSBuild: with -p:UsePackages=true the named packages, else the polyfills and never both.</summary>
public sealed class PackageSwitchTests
{
    private static readonly string[] Ours = ["Grpc.Core.Api", "Grpc.Net.Common", "Grpc.Services", "MessagePack", "TorchSharp"];

    [Fact]
    public async Task Contracts_UsePackages_NamesThePackagesAndNoPolyfill()
    {
        var items = await EvaluateAsync("src/Diffusion.Contracts/Diffusion.Contracts.csproj", "-p:UsePackages=true");

        Assert.Superset(
            new HashSet<string> { "Google.Protobuf", "Grpc.AspNetCore", "Grpc.Net.Client", "Grpc.AspNetCore.HealthChecks", "Grpc.AspNetCore.Server.Reflection" },
            Names(items, "PackageReference"));
        Assert.Empty(Names(items, "PackageDownload"));
        Assert.DoesNotContain(Names(items, "ProjectReference"), name => Ours.Contains(name));
        Assert.Equal("3.36.2", Version(items, "Google.Protobuf"));
        Assert.Equal("2.85.0", Version(items, "Grpc.AspNetCore"));
    }

    [Fact]
    public async Task Contracts_ByDefault_TakesThePublishedTransportOverOurContract()
    {
        var items = await EvaluateAsync("src/Diffusion.Contracts/Diffusion.Contracts.csproj");

        Assert.DoesNotContain(Names(items, "PackageReference"), name => name.StartsWith("Grpc.AspNetCore", StringComparison.Ordinal) || name == "Grpc.Net.Client");
        Assert.Superset(new HashSet<string> { "Grpc.Net.Client", "Grpc.AspNetCore.Server" }, Names(items, "PackageDownload"));
        Assert.Superset(new HashSet<string> { "Grpc.Core.Api", "Grpc.Net.Common", "Grpc.Services" }, Names(items, "ProjectReference"));
    }

    [Fact]
    public async Task GrpcServices_UsePackages_CompilesNothingAndAsksForNothing()
    {
        var items = await EvaluateAsync("src/Polyfills/Grpc/Grpc.Services/Grpc.Services.csproj", "-p:UsePackages=true");

        Assert.Empty(Names(items, "Compile"));
        Assert.Empty(Names(items, "PackageReference"));
    }

    [Fact]
    public async Task MessagePackUser_UsePackages_NamesThePackage()
    {
        var items = await EvaluateAsync("tests/MessagePack.Tests/MessagePack.Tests.csproj", "-p:UsePackages=true");

        Assert.Contains("MessagePack", Names(items, "PackageReference"));
        Assert.DoesNotContain("MessagePack", Names(items, "ProjectReference"));
    }

    [Fact]
    public void CentralVersions_OfEveryPackageOfTheSwitch_AreGiven()
    {
        var root = RepositoryRoot();
        var asked = XDocument.Load(Path.Combine(root, "src", "Directory.Build.targets")).Descendants("PackageReference").Select(item => (string)item.Attribute("Include")!);
        var given = XDocument.Load(Path.Combine(root, "src", "Directory.Packages.props")).Descendants("PackageVersion").Select(item => (string)item.Attribute("Include")!);

        Assert.Empty(asked.Except(given));
    }

    private static HashSet<string> Names(JsonElement items, string kind) =>
        [.. items.GetProperty(kind).EnumerateArray().Select(item => item.GetProperty(kind == "ProjectReference" ? "Filename" : "Identity").GetString()!)];

    private static string? Version(JsonElement items, string package) => items.GetProperty("PackageVersion").EnumerateArray()
        .Single(item => item.GetProperty("Identity").GetString() == package).GetProperty("Version").GetString();

    private static async Task<JsonElement> EvaluateAsync(string project, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, WorkingDirectory = RepositoryRoot() };
        foreach (var argument in (string[])["msbuild", project, "-nodeReuse:false", "-getItem:PackageReference,PackageDownload,PackageVersion,ProjectReference,Compile", .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        // An MSBuild started by "dotnet test" must not inherit its parent's node settings.
        start.Environment.Remove("MSBUILD_EXE_PATH");
        start.Environment.Remove("MSBuildSDKsPath");
        using var process = Process.Start(start)!;
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = await process.StandardOutput.ReadToEndAsync(bound.Token);
        await process.WaitForExitAsync(bound.Token);
        Assert.True(process.ExitCode == 0, output);
        return JsonDocument.Parse(output).RootElement.GetProperty("Items");
    }

    private static string RepositoryRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "src", "Directory.Packages.props")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds src/Directory.Packages.props. Run the tests from a checkout.");
    }
}
