namespace Diffusion.Native.Collectives;

/// <summary>Tags of the collectives: kind, bucket, index. Different collectives never pair, so that ranks out of step time out instead of mixing data.</summary>
public static class Tags
{
    /// <summary>Kind of a transfer and its bucket, for people; empty for tags of other programs.</summary>
    /// <param name="tag">As in <see cref="Transfer.Tag"/>.</param>
    public static string Describe(ulong tag) => (tag >> 56) switch
    {
        1 => "records of all ranks",
        2 => "broadcast",
        3 => $"scatter of bucket {(tag >> 16) & 0xff_ffff_ffff}",
        4 => $"gather of bucket {(tag >> 16) & 0xff_ffff_ffff}",
        5 => "gradients between devices",
        _ => "",
    };

    /// <summary>Stands for everything that a rank waits for on its device.</summary>
    public const ulong Device = 5UL << 56;

    internal const ulong AllGather = 1UL << 56;
    internal const ulong Broadcast = 2UL << 56;

    internal static ulong Scatter(long bucket, int index) => (3UL << 56) | ((ulong)bucket << 16) | (uint)index;

    internal static ulong Gather(long bucket) => (4UL << 56) | ((ulong)bucket << 16);
}
