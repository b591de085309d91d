using System.Buffers;
using System.Collections;
using System.Text;

namespace Grpc.Core;

/// <summary>Ordered pairs sent as HTTP/2 headers or trailers. Keys ending in "-bin" hold bytes, all others ASCII.</summary>
public sealed class Metadata : IList<Metadata.Entry>
{
    /// <summary>The suffix of keys that hold bytes.</summary>
    public const string BinaryHeaderSuffix = "-bin";

    /// <summary>Nothing, and read-only.</summary>
    public static readonly Metadata Empty = new(isReadOnly: true);

    private readonly List<Entry> entries = [];

    /// <summary>Empty and writable.</summary>
    public Metadata()
    {
    }

    private Metadata(bool isReadOnly) => IsReadOnly = isReadOnly;

    /// <inheritdoc/>
    public int Count => entries.Count;

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public Entry this[int index]
    {
        get => entries[index];
        set
        {
            ThrowIfReadOnly();
            ArgumentNullException.ThrowIfNull(value);
            entries[index] = value;
        }
    }

    /// <summary>The last entry of this key, whatever its case, or null.</summary>
    public Entry? Get(string key) => entries.FindLast(entry => HasKey(entry, key));

    /// <summary>The last text of this key, or null.</summary>
    /// <exception cref="InvalidOperationException">The entry holds bytes.</exception>
    public string? GetValue(string key) => Get(key)?.Value;

    /// <summary>The last bytes of this key, or null.</summary>
    public byte[]? GetValueBytes(string key) => Get(key)?.ValueBytes;

    /// <summary>All entries of this key in order.</summary>
    public IEnumerable<Entry> GetAll(string key) => entries.Where(entry => HasKey(entry, key));

    /// <inheritdoc/>
    public void Add(Entry item) => Insert(Count, item);

    /// <summary>Adds text.</summary>
    public void Add(string key, string value) => Add(new Entry(key, value));

    /// <summary>Adds bytes; the key ends in <see cref="BinaryHeaderSuffix"/>.</summary>
    public void Add(string key, byte[] valueBytes) => Add(new Entry(key, valueBytes));

    /// <inheritdoc/>
    public void Insert(int index, Entry item)
    {
        ThrowIfReadOnly();
        ArgumentNullException.ThrowIfNull(item);
        entries.Insert(index, item);
    }

    /// <inheritdoc/>
    public bool Remove(Entry item)
    {
        ThrowIfReadOnly();
        return entries.Remove(item);
    }

    /// <inheritdoc/>
    public void RemoveAt(int index)
    {
        ThrowIfReadOnly();
        entries.RemoveAt(index);
    }

    /// <inheritdoc/>
    public void Clear()
    {
        ThrowIfReadOnly();
        entries.Clear();
    }

    /// <inheritdoc/>
    public bool Contains(Entry item) => entries.Contains(item);

    /// <inheritdoc/>
    public int IndexOf(Entry item) => entries.IndexOf(item);

    /// <inheritdoc/>
    public void CopyTo(Entry[] array, int arrayIndex) => entries.CopyTo(array, arrayIndex);

    /// <inheritdoc/>
    public IEnumerator<Entry> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => entries.GetEnumerator();

    private static bool HasKey(Entry entry, string key) => string.Equals(entry.Key, key, StringComparison.OrdinalIgnoreCase);

    private void ThrowIfReadOnly()
    {
        if (IsReadOnly)
        {
            throw new InvalidOperationException("Metadata.Empty is read-only. Create a new Metadata to add entries.");
        }
    }

    /// <summary>One pair. Keys are lower case; bytes are copied in and out.</summary>
    public class Entry
    {
        private static readonly SearchValues<char> KeyCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.");
        private readonly string? text;
        private readonly byte[]? bytes;

        /// <summary>Text.</summary>
        /// <exception cref="ArgumentException">The key has a character outside a-z 0-9 _ - . or ends in "-bin".</exception>
        public Entry(string key, string value)
        {
            ArgumentNullException.ThrowIfNull(value);
            Key = Normalized(key);
            text = value;
            if (IsBinary)
            {
                throw new ArgumentException($"Metadata key '{key}' ends in '{BinaryHeaderSuffix}' and so holds bytes. Pass a byte[] or rename the key.", nameof(key));
            }
        }

        /// <summary>Bytes.</summary>
        /// <exception cref="ArgumentException">The key has a character outside a-z 0-9 _ - . or does not end in "-bin".</exception>
        public Entry(string key, byte[] valueBytes)
        {
            ArgumentNullException.ThrowIfNull(valueBytes);
            Key = Normalized(key);
            bytes = [.. valueBytes];
            if (!IsBinary)
            {
                throw new ArgumentException($"Metadata key '{key}' does not end in '{BinaryHeaderSuffix}' and so holds text. Pass a string or rename the key.", nameof(key));
            }
        }

        /// <summary>The key in lower case.</summary>
        public string Key { get; }

        /// <summary>Whether the key ends in "-bin".</summary>
        public bool IsBinary => Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal);

        /// <summary>The text.</summary>
        /// <exception cref="InvalidOperationException">The entry holds bytes.</exception>
        public string Value => text ?? throw new InvalidOperationException($"Metadata entry '{Key}' holds bytes. Read ValueBytes.");

        /// <summary>The bytes; of text, its ASCII.</summary>
        public byte[] ValueBytes => bytes is null ? Encoding.ASCII.GetBytes(text!) : [.. bytes];

        /// <summary>Key and value for logs.</summary>
        public override string ToString() => bytes is null
            ? $"[Entry: key={Key}, value={text}]"
            : $"[Entry: key={Key}, valueBytes={Convert.ToHexString(bytes)}]";

        private static string Normalized(string key)
        {
            ArgumentNullException.ThrowIfNull(key);
            var lower = key.ToLowerInvariant();
            if (lower.Length == 0 || lower.AsSpan().ContainsAnyExcept(KeyCharacters))
            {
                throw new ArgumentException($"Metadata key '{key}' is not valid: a key is made of a-z, 0-9, '_', '-' and '.'.", nameof(key));
            }

            return lower;
        }
    }
}
