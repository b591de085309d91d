namespace MessagePack;

/// <summary>The value nil.</summary>
public struct Nil : IEquatable<Nil>
{
    /// <summary>The one value.</summary>
    public static readonly Nil Default;

    /// <summary>True: there is one value.</summary>
    public bool Equals(Nil other) => true;

    /// <summary>Whether the object is nil.</summary>
    public override bool Equals(object? obj) => obj is Nil;

    /// <inheritdoc/>
    public override int GetHashCode() => 0;

    /// <summary>"()".</summary>
    public override string ToString() => "()";
}
