using System.Xml.Linq;

namespace Diffusion.Contracts.Tests.Repository;

/// <summary>Proves who knows whom: the rooms reference each other as the README's picture says, and nobody else.</summary>
public sealed class ProjectReferencesTests
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Diffusion.Contracts"] = [],
        ["Diffusion.Native"] = ["torch"],
        ["Diffusion.Data"] = ["Diffusion.Contracts"],
        ["Diffusion.Model"] = ["Diffusion.Contracts", "Diffusion.Native", "torch"],
        ["Diffusion.Snapshots"] = ["Diffusion.Contracts"],
        ["Diffusion.Evaluation"] = ["Diffusion.Contracts", "Diffusion.Data", "Diffusion.Model", "Diffusion.Native", "Diffusion.Snapshots", "torch"],
        ["Diffusion.Worker"] = ["Diffusion.Contracts", "Diffusion.Data", "Diffusion.Evaluation", "Diffusion.Model", "Diffusion.Native", "Diffusion.Snapshots", "torch"],
        ["Diffusion.Serving"] = ["Diffusion.Contracts", "Diffusion.Snapshots"],
        ["Diffusion.Coordinator"] = ["Diffusion.Contracts", "Diffusion.Data", "Diffusion.Serving", "Diffusion.Snapshots"],
        ["Diffusion.Cli"] = ["Diffusion.Contracts", "Diffusion.Coordinator", "Diffusion.Data", "Diffusion.Evaluation", "Diffusion.Model", "Diffusion.Native", "Diffusion.Serving", "Diffusion.Snapshots", "Diffusion.Worker", "torch"],
    };

    public static TheoryData<string> Rooms => new(Directory.GetDirectories(Path.Combine(Root, "src"), "Diffusion.*").Select(d => Path.GetFileName(d)!).Order());

    private static string Root
    {
        get
        {
            var at = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(at.FullName, "launch.sh")))
            {
                at = at.Parent ?? throw new DirectoryNotFoundException($"No launch.sh above {AppContext.BaseDirectory}.");
            }

            return at.FullName;
        }
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void References_OfARoom_AreThoseOfThePicture(string room)
    {
        var project = XDocument.Load(Path.Combine(Root, "src", room, room + ".csproj"));
        var references = project.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value))
            .Concat(project.Descendants("UsesTorch").Any(e => e.Value == "true") ? ["torch"] : []);
        Assert.True(Allowed.TryGetValue(room, out string[]? allowed), $"{room} is not in the picture of who may know whom; add it there and to the README.");
        Assert.Empty(references.Except(allowed));
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Readme_OfARoom_IsThere(string room) => Assert.True(File.Exists(Path.Combine(Root, "src", room, "README.md")), $"{room} has no README.md.");
}
