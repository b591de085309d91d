namespace Grpc.Core;

/// <summary>What one call carries beside its messages.</summary>
public struct CallOptions
{
    private bool waitForReady;

    /// <summary>All of it at once; null and default leave a thing out.</summary>
    public CallOptions(
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default,
        WriteOptions? writeOptions = null,
        ContextPropagationToken? propagationToken = null,
        CallCredentials? credentials = null)
    {
        Headers = headers;
        Deadline = deadline;
        CancellationToken = cancellationToken;
        WriteOptions = writeOptions;
        PropagationToken = propagationToken;
        Credentials = credentials;
    }

    /// <summary>Headers to send.</summary>
    public Metadata? Headers { readonly get; private set; }

    /// <summary>The UTC time at which both sides give up.</summary>
    public DateTime? Deadline { readonly get; private set; }

    /// <summary>Cancels the call on both sides.</summary>
    public CancellationToken CancellationToken { readonly get; private set; }

    /// <summary>Options of the request messages.</summary>
    public WriteOptions? WriteOptions { readonly get; private set; }

    /// <summary>The server call this call belongs to.</summary>
    public ContextPropagationToken? PropagationToken { readonly get; private set; }

    /// <summary>Credentials of this call.</summary>
    public CallCredentials? Credentials { readonly get; private set; }

    /// <summary>Whether the call waits for a connection instead of failing with UNAVAILABLE.</summary>
    public readonly bool IsWaitForReady => waitForReady;

    /// <summary>The same with other headers.</summary>
    public readonly CallOptions WithHeaders(Metadata headers) => this with { Headers = headers };

    /// <summary>The same with another deadline.</summary>
    public readonly CallOptions WithDeadline(DateTime deadline) => this with { Deadline = deadline };

    /// <summary>The same with another token.</summary>
    public readonly CallOptions WithCancellationToken(CancellationToken cancellationToken) => this with { CancellationToken = cancellationToken };

    /// <summary>The same with other write options.</summary>
    public readonly CallOptions WithWriteOptions(WriteOptions writeOptions) => this with { WriteOptions = writeOptions };

    /// <summary>The same as part of a server call.</summary>
    public readonly CallOptions WithPropagationToken(ContextPropagationToken propagationToken) => this with { PropagationToken = propagationToken };

    /// <summary>The same with other credentials.</summary>
    public readonly CallOptions WithCredentials(CallCredentials credentials) => this with { Credentials = credentials };

    /// <summary>The same, waiting for a connection or not.</summary>
    public readonly CallOptions WithWaitForReady(bool waitForReady = true) => this with { waitForReady = waitForReady };
}

/// <summary>Links a client call to the server call it is made from. Made by the server only.</summary>
public abstract class ContextPropagationToken
{
    internal ContextPropagationToken()
    {
    }
}

/// <summary>What a linked call inherits.</summary>
public class ContextPropagationOptions(bool propagateDeadline = true, bool propagateCancellation = true)
{
    /// <summary>Deadline and cancellation.</summary>
    public static readonly ContextPropagationOptions Default = new();

    /// <summary>Whether the deadline is inherited.</summary>
    public bool IsPropagateDeadline { get; } = propagateDeadline;

    /// <summary>Whether cancellation is inherited.</summary>
    public bool IsPropagateCancellation { get; } = propagateCancellation;
}
