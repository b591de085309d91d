namespace Diffusion.Native.Collectives;

/// <summary>Why a collective operation ended without a result.</summary>
public enum CollectiveFailure
{
    /// <summary>Somebody called <see cref="IPeerTransport.Abort"/>, or cancelled.</summary>
    Aborted,

    /// <summary>The deadline passed first: a peer is alive for all we know, but silent.</summary>
    TimedOut,

    /// <summary>The connection to a peer broke. The peer may itself be a survivor that closed because it saw the failure first.</summary>
    PeerLost,
}

/// <summary>A collective operation ended without a result. The transport is finished: make the next generation's.</summary>
public sealed class CollectiveException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="failure">What ended the operation.</param>
    /// <param name="message">What happened, for people.</param>
    /// <param name="peerRank">The rank waited for or lost, where known.</param>
    /// <param name="tag">Tag of the transfer, where known.</param>
    /// <param name="bytes">Bytes of the transfer, where known.</param>
    /// <param name="inner">What was thrown below, if anything.</param>
    public CollectiveException(CollectiveFailure failure, string message, int? peerRank = null, ulong? tag = null, long? bytes = null, Exception? inner = null)
        : base(message, inner)
    {
        Failure = failure;
        PeerRank = peerRank;
        Tag = tag;
        Bytes = bytes;
    }

    /// <summary>What ended the operation.</summary>
    public CollectiveFailure Failure { get; }

    /// <summary>The rank waited for or lost, where known.</summary>
    public int? PeerRank { get; }

    /// <summary>Tag of the transfer, where known.</summary>
    public ulong? Tag { get; }

    /// <summary>Bytes of the transfer, where known.</summary>
    public long? Bytes { get; }
}
