namespace Diffusion.Native.Tests.Arenas;

public sealed class ArenaLayoutTests
{
    private static readonly (string, IReadOnlyList<long>)[] Tensors = [("conv.weight", [2, 3, 3, 3]), ("gain", []), ("out.weight", [65])];

    [Fact]
    public void Constructor_Tensors_AreAlignedInTheGivenOrder()
    {
        var layout = new ArenaLayout(Tensors);

        Assert.Equal([(0L, 54L), (64L, 1L), (128L, 65L)], layout.Slots.Select(slot => (slot.Offset, slot.Length)));
        Assert.Equal(256, layout.Length);
        Assert.Equal(2, layout.IndexOf("out.weight"));
    }

    [Fact]
    public void Digest_SameTensors_IsStableAcrossProcesses() =>
        Assert.Equal("2fda9ef8613810627d07ca34ea329e63b045eecce14284c400253c8244728dc3", new ArenaLayout(Tensors).Digest);

    [Fact]
    public void Digest_OtherNameShapeOrOrder_Differs()
    {
        (string, IReadOnlyList<long>)[][] variants =
        [
            Tensors,
            [Tensors[1], Tensors[0], Tensors[2]],
            [("conv.bias", [2, 3, 3, 3]), Tensors[1], Tensors[2]],
            [("conv.weight", [3, 2, 3, 3]), Tensors[1], Tensors[2]],
            [("conv.weight", [2, 27]), Tensors[1], Tensors[2]],
        ];
        Assert.Equal(variants.Length, variants.Select(tensors => new ArenaLayout(tensors).Digest).Distinct().Count());
    }

    [Fact]
    public void Constructor_RepeatedEmptyOrNoName_Throws()
    {
        Assert.Throws<ArgumentException>(() => new ArenaLayout([("a", [1]), ("a", [2])]));
        Assert.Throws<ArgumentException>(() => new ArenaLayout([("", [1])]));
        Assert.Throws<ArgumentException>(() => new ArenaLayout([]));
        Assert.Contains("[3, 0]", Assert.Throws<ArgumentException>(() => new ArenaLayout([("a", [3, 0])])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void IndexOf_UnknownName_SaysWhatThereIs() =>
        Assert.Contains("3 slots", Assert.Throws<KeyNotFoundException>(() => new ArenaLayout(Tensors).IndexOf("x")).Message, StringComparison.Ordinal);
}
