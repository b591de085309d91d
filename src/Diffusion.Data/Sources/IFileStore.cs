namespace Diffusion.Data;

/// <summary>Named files of a folder or an archive. Names are relative, use '/', and are sorted by code points.</summary>
/// <remarks><see cref="Read"/> may be called from several threads at once.</remarks>
internal interface IFileStore : IDisposable
{
    /// <summary>For messages.</summary>
    string Path { get; }

    IReadOnlyList<string> Names { get; }

    byte[] Read(string name);
}

/// <summary>Order of names as plain strings: by code points, which UTF-16 order is not above U+FFFF.</summary>
internal sealed class CodePointOrder : IComparer<string>
{
    public static readonly CodePointOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        ReadOnlySpan<char> a = x;
        ReadOnlySpan<char> b = y;
        int same = a.CommonPrefixLength(b);
        if (same == a.Length || same == b.Length)
        {
            return a.Length.CompareTo(b.Length);
        }

        // Surrogates stand for code points above all others.
        bool surrogateA = char.IsSurrogate(a[same]);
        return surrogateA == char.IsSurrogate(b[same]) ? a[same].CompareTo(b[same]) : surrogateA ? 1 : -1;
    }
}
