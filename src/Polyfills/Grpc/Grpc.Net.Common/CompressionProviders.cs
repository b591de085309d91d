using System.IO.Compression;

namespace Grpc.Net.Compression;

/// <summary>One message compression scheme, named as on the wire.</summary>
public interface ICompressionProvider
{
    /// <summary>The value of the grpc-encoding header.</summary>
    string EncodingName { get; }

    /// <summary>Wraps <paramref name="stream"/> so that what is written arrives compressed. The inner stream stays open.</summary>
    Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel);

    /// <summary>Wraps <paramref name="stream"/> so that what is read is decompressed. The inner stream stays open.</summary>
    Stream CreateDecompressionStream(Stream stream);
}

/// <summary>gzip, as in RFC 1952.</summary>
public sealed class GzipCompressionProvider(CompressionLevel defaultCompressionLevel) : ICompressionProvider
{
    /// <inheritdoc/>
    public string EncodingName => "gzip";

    /// <inheritdoc/>
    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new GZipStream(stream, compressionLevel ?? defaultCompressionLevel, leaveOpen: true);

    /// <inheritdoc/>
    public Stream CreateDecompressionStream(Stream stream) => new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true);
}

/// <summary>deflate, which in gRPC means the zlib format of RFC 1950.</summary>
public sealed class DeflateCompressionProvider(CompressionLevel defaultCompressionLevel) : ICompressionProvider
{
    /// <inheritdoc/>
    public string EncodingName => "deflate";

    /// <inheritdoc/>
    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new ZLibStream(stream, compressionLevel ?? defaultCompressionLevel, leaveOpen: true);

    /// <inheritdoc/>
    public Stream CreateDecompressionStream(Stream stream) => new ZLibStream(stream, CompressionMode.Decompress, leaveOpen: true);
}
