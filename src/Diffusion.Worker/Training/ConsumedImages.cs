using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Diffusion.Worker.Training;

/// <summary>
/// Which images a run has consumed, as a chain of digests that is part of the state: it goes through checkpoints and from rank to rank with the weights
/// that the images made, so that two states of the same chain have seen the same images in the same steps, none lost and none repeated.
/// </summary>
internal static class ConsumedImages
{
    /// <summary>Digest of one shard's images in one step.</summary>
    public static long Digest(ReadOnlySpan<long> imageIds) => First(SHA256.HashData(MemoryMarshal.AsBytes(imageIds)));

    /// <summary>The chain after a step.</summary>
    /// <param name="before">The chain before it; 0 before the first.</param>
    /// <param name="records">All shards' records of the step.</param>
    public static long After(long before, ReadOnlySpan<ShardRecord> records)
    {
        var links = new long[records.Length + 1];
        links[0] = before;
        for (int shard = 0; shard < records.Length; shard++)
        {
            links[shard + 1] = records[shard].Images;
        }

        return First(SHA256.HashData(MemoryMarshal.AsBytes(links.AsSpan())));
    }

    /// <summary>The chain as logs and checkpoints write it.</summary>
    public static string Text(long chain) => chain.ToString("x16", CultureInfo.InvariantCulture);

    private static long First(ReadOnlySpan<byte> digest) => MemoryMarshal.Read<long>(digest);
}

/// <summary>The log of consumed images of one rank, for whoever wants to check: a line for each completed step, on the disk before the next step begins.</summary>
/// <remarks>A line is: time, generation, step, chain after it, and the rank's own shards as <c>shard:id,id;shard:id,id</c>. A mirrored image is ~number.</remarks>
internal sealed class ConsumedImagesLog(string path, TimeProvider time) : IDisposable
{
    private readonly FileStream file = new(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    private readonly StringBuilder shards = new();

    /// <summary>A step begins; what was noted of one that broke off is forgotten.</summary>
    public void Begin() => shards.Clear();

    /// <summary>A shard of the step in flight was computed here.</summary>
    public void Note(int shard, ReadOnlySpan<long> imageIds)
    {
        shards.Append(shards.Length > 0 ? ";" : "").Append(CultureInfo.InvariantCulture, $"{shard}:").AppendJoin(',', imageIds.ToArray());
    }

    /// <summary>The step is complete.</summary>
    public void Complete(long generation, long step, long chain) =>
        file.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{time.GetUtcNow().UtcDateTime:O} {generation} {step} {ConsumedImages.Text(chain)} {shards}\n")));

    public void Dispose() => file.Dispose();
}
