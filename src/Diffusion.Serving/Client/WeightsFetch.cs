using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Safetensors;
using Diffusion.V1;

namespace Diffusion.Serving;

/// <summary>A chunk did not arrive as it was sent.</summary>
internal sealed class DamagedChunkException(string message) : IOException(message);

/// <summary>A file that arrives, over one stream or several.</summary>
internal sealed class WeightsFetch(Func<WeightsHeader, string> pathOf, bool reuse) : IDisposable
{
    private AtomicFile? file;
    private ArrivingDigest? digest;
    private string path = "";
    private bool isThere;

    public WeightsHeader? Header { get; private set; }

    /// <summary>Bytes that are there and right.</summary>
    public long Done { get; private set; }

    public bool IsComplete => isThere || (Header is { } header && Done == header.Bytes);

    /// <summary>Takes a message.</summary>
    /// <returns>Whether it brought bytes.</returns>
    public bool Take(StreamWeightsResponse part)
    {
        switch (part.PartCase)
        {
            case StreamWeightsResponse.PartOneofCase.Header:
                Begin(part.Header);
                return false;
            case StreamWeightsResponse.PartOneofCase.Chunk when Header is not null:
                Append(part.Chunk);
                return true;
            default:
                throw new DamagedChunkException($"The server sent '{part.PartCase}' before the header.");
        }
    }

    public FetchedWeights Finish(int resumed)
    {
        if (!isThere)
        {
            digest!.Check(Header!.ContentId);
            file!.Commit();
        }

        return new FetchedWeights(path, Header!.Run, Header.ImagesSeen, Header.RelativeStd, Header.Precision.FromMessage(), Header.Tracked, Header.Bytes, Header.ContentId, resumed);
    }

    public void Dispose()
    {
        file?.Dispose();
        digest?.Dispose();
    }

    private void Begin(WeightsHeader header)
    {
        if (Header is { } before)
        {
            if (header.ContentId != before.ContentId || header.Bytes != before.Bytes)
            {
                throw new IOException($"The server has other weights now ({header.ContentId}) than when the fetch began ({before.ContentId}). Start it again.");
            }

            return;
        }

        path = Path.GetFullPath(pathOf(header));
        isThere = reuse && IsWhole(path, header.ContentId);
        if (!isThere)
        {
            digest = new ArrivingDigest(path, header.Bytes);
            file = AtomicFile.Create(path, header.Bytes);
        }

        Header = header;
    }

    private void Append(WeightsChunk chunk)
    {
        var bytes = chunk.Data.Span;
        if (chunk.Offset != Done || bytes.IsEmpty || bytes.Length > Header!.Bytes - Done || Crc32C.Compute(bytes) != chunk.Crc32C)
        {
            throw new DamagedChunkException($"{bytes.Length} bytes at {chunk.Offset} arrived damaged or out of place (expected offset {Done} of {Header!.Bytes})");
        }

        digest!.Append(bytes);
        file!.Append(bytes);
        Done += bytes.Length;
    }

    private static bool IsWhole(string path, string contentId)
    {
        try
        {
            using var there = SafetensorsFile.Open(path);
            return there.Verify().ContentId == contentId;
        }
        catch (Exception e) when (e is FileNotFoundException or DamagedFileException)
        {
            return false; // Fetched, or fetched again in its place.
        }
    }
}
