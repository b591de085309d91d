using Diffusion.Native;

namespace Diffusion.Worker.Training;

/// <summary>
/// Arenas as they were after one step, so that training can go on while they are written. From a GPU they leave in two strides: copied on the device at once, which takes
/// milliseconds, and from there to the processor by whoever writes them, beside the training.
/// </summary>
internal sealed class SnapshotCopy : IDisposable
{
    private readonly Lock gate = new();
    private readonly DeviceMoment? copied;
    private IReadOnlyList<Arena> arenas;

    private SnapshotCopy(long imagesSeen, IReadOnlyList<Arena> arenas, DeviceMoment? copied)
    {
        ImagesSeen = imagesSeen;
        this.arenas = arenas;
        this.copied = copied;
    }

    public long ImagesSeen { get; }

    /// <summary>The values, in the processor's memory; waited for where they are not there yet.</summary>
    public IReadOnlyList<Arena> Arenas
    {
        get
        {
            lock (gate)
            {
                if (copied is not null && arenas.Any(arena => !arena.IsOnCpu))
                {
                    copied.Then(Fetch_NeedsLock);
                }

                return arenas;
            }
        }
    }

    /// <summary>Copies arenas of one device.</summary>
    public static SnapshotCopy Of(long imagesSeen, IEnumerable<Arena> arenas)
    {
        var originals = arenas.ToList();
        if (originals.All(arena => arena.IsOnCpu))
        {
            return new SnapshotCopy(imagesSeen, Copies(originals, stayThere: true), null);
        }

        var device = originals.First(arena => !arena.IsOnCpu).Flat.device;
        List<Arena> copies;
        try
        {
            copies = Copies(originals, stayThere: true);
        }
        catch (Exception e) when (DeviceMemory.IsExhausted(e))
        {
            // No room for a second copy there: training waits until they are here.
            copies = Copies(originals, stayThere: false);
        }

        return new SnapshotCopy(imagesSeen, copies, DeviceMoment.Now(device));
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (var arena in arenas)
            {
                arena.Dispose();
            }

            copied?.Dispose();
        }
    }

    private static List<Arena> Copies(List<Arena> originals, bool stayThere)
    {
        var copies = new List<Arena>();
        try
        {
            foreach (var original in originals)
            {
                copies.Add(new Arena(original.Layout, stayThere ? original.Flat.device : null));
                copies[^1].CopyFrom(original);
            }

            return copies;
        }
        catch
        {
            copies.ForEach(copy => copy.Dispose());
            throw;
        }
    }

    private void Fetch_NeedsLock()
    {
        var there = arenas;
        arenas = Copies([.. there], stayThere: false);
        foreach (var arena in there)
        {
            arena.Dispose();
        }
    }
}
