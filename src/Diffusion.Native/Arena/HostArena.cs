namespace Diffusion.Native;

/// <summary>An arena's values where pointers reach them: the arena itself if it is in the CPU's memory, else a copy.</summary>
public sealed class HostArena : IDisposable
{
    private readonly Arena source;

    private HostArena(Arena source, Arena values)
    {
        this.source = source;
        Values = values;
    }

    /// <summary>The values, in the CPU's memory.</summary>
    public Arena Values { get; }

    /// <summary>Whether <see cref="Values"/> is a copy.</summary>
    public bool IsCopy => !ReferenceEquals(source, Values);

    /// <summary>The values of an arena.</summary>
    /// <param name="arena">On any device; outlives the result.</param>
    /// <param name="read">Whether its values are wanted. Otherwise a copy begins as zeros, to be filled and written back.</param>
    public static HostArena Of(Arena arena, bool read = true)
    {
        if (arena.IsOnCpu)
        {
            return new HostArena(arena, arena);
        }

        var copy = new Arena(arena.Layout);
        if (read)
        {
            copy.CopyFrom(arena);
        }

        return new HostArena(arena, copy);
    }

    /// <summary>Puts changed values back where they came from; without a copy they are there already.</summary>
    public void WriteBack()
    {
        if (IsCopy)
        {
            source.CopyFrom(Values);
        }
    }

    /// <summary>Frees the copy, if there is one.</summary>
    public void Dispose()
    {
        if (IsCopy)
        {
            Values.Dispose();
        }
    }
}
