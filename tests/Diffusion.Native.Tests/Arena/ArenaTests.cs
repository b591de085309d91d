using TorchSharp;

namespace Diffusion.Native.Tests.Arenas;

public sealed class ArenaTests
{
    private static readonly ArenaLayout Layout = new([("a", [2, 3]), ("b", []), ("c", [70])]);

    [Fact]
    public void View_Slot_SharesTheArenasMemory()
    {
        using var arena = new Arena(Layout);
        using (var view = arena.View("a"))
        {
            Assert.Equal([2, 3], view.shape);
            view.fill_(5);
        }

        Assert.Equal([5, 5, 5, 5, 5, 5, 0, 0], arena.Span(0, 8).ToArray());
        arena.Span(1)[0] = 7;
        using var scalar = arena.View(1);
        Assert.Empty(scalar.shape);
        Assert.Equal(7, scalar.ToSingle());
    }

    [Fact]
    public void Constructor_InsideADisposeScope_OutlivesIt()
    {
        Arena arena;
        using (torch.NewDisposeScope())
        {
            arena = new Arena(Layout);
        }

        arena.Zero();
        Assert.Equal(0, arena.Span(2)[69]);
        arena.Dispose();
    }

    [Fact]
    public void CopyFrom_SameLayoutMadeTwice_CopiesEverything()
    {
        using var source = new Arena(Layout);
        using var target = new Arena(new ArenaLayout(Layout.Slots.Select(slot => (slot.Name, slot.Shape))));
        source.Span(2).Fill(3);
        target.CopyFrom(source);
        Assert.Equal(source.Span(0, (int)Layout.Length).ToArray(), target.Span(0, (int)Layout.Length).ToArray());
        target.Zero();
        Assert.Equal(0, ArenaKernels.Summarize(target, 1).SumOfSquares);
    }

    [Fact]
    public void CopyFrom_OtherLayout_Throws()
    {
        using var arena = new Arena(Layout);
        using var other = new Arena(new ArenaLayout([("a", [2, 3])]));
        Assert.Throws<ArgumentException>(() => arena.CopyFrom(other));
    }

    [Fact]
    public void Span_OutsideTheArena_Throws()
    {
        using var arena = new Arena(Layout);
        Assert.Throws<ArgumentOutOfRangeException>(() => arena.Span(250, 20).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => arena.Span(-1, 2).Length);
    }

    [Fact]
    public void Members_AfterDispose_Throw()
    {
        var arena = new Arena(Layout);
        arena.Dispose();
        arena.Dispose();
        Assert.Throws<ObjectDisposedException>(() => arena.Span(0, 1).Length);
        Assert.Throws<ObjectDisposedException>(() => arena.View(0));
    }
}
