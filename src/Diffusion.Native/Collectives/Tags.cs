namespace Diffusion.Native.Collectives;

/// <summary>Tags of the collectives: kind, bucket, index. Different collectives never pair, so that ranks out of step time out instead of mixing data.</summary>
internal static class Tags
{
    public const ulong AllGather = 1UL << 56;
    public const ulong Broadcast = 2UL << 56;

    public static ulong Scatter(long bucket, int index) => (3UL << 56) | ((ulong)bucket << 16) | (uint)index;

    public static ulong Gather(long bucket) => (4UL << 56) | ((ulong)bucket << 16);
}
