namespace TorchSharp.Tests.PublicSurface;

/// <summary>
/// published-api.txt lists, signature by signature, what this assembly offers of the published TorchSharp 0.105.2. Each line was compared with a compilation of that version.
/// A new public member must be looked up there first, then added to the list.
/// </summary>
public sealed class PublicSurfaceTests
{
    private static readonly string[] Published = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "PublicSurface", "published-api.txt"));
    private static readonly string[] Actual = [.. SignatureWriter.Lines(typeof(torch).Assembly)];

    [Fact]
    public void Assembly_EveryPublicMember_IsPublishedWithThisSignature()
    {
        var surplus = Actual.Except(Published).ToList();
        Assert.True(surplus.Count == 0, $"not in published-api.txt: {string.Join("; ", surplus)}. Make them internal, or list them after comparing with TorchSharp 0.105.");
    }

    [Fact]
    public void List_EveryLine_ExistsInTheAssembly()
    {
        var missing = Published.Except(Actual).ToList();
        Assert.True(missing.Count == 0, $"listed but absent: {string.Join("; ", missing)}");
    }
}
