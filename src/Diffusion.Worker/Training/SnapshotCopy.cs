using Diffusion.Native;

namespace Diffusion.Worker.Training;

/// <summary>Arenas as they were after one step, so that training can go on while they are written.</summary>
internal sealed class SnapshotCopy(long imagesSeen, IReadOnlyList<Arena> arenas) : IDisposable
{
    public long ImagesSeen { get; } = imagesSeen;

    public IReadOnlyList<Arena> Arenas { get; } = arenas;

    /// <summary>Copies arenas of one layout.</summary>
    public static SnapshotCopy Of(long imagesSeen, IEnumerable<Arena> arenas)
    {
        var copies = new List<Arena>();
        foreach (var arena in arenas)
        {
            var copy = new Arena(arena.Layout);
            copy.CopyFrom(arena);
            copies.Add(copy);
        }

        return new SnapshotCopy(imagesSeen, copies);
    }

    public void Dispose()
    {
        foreach (var arena in Arenas)
        {
            arena.Dispose();
        }
    }
}
