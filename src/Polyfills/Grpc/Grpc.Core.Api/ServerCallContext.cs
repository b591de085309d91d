namespace Grpc.Core;

/// <summary>What a handler sees of the call it serves.</summary>
public abstract class ServerCallContext
{
    private Dictionary<object, object>? userState;

    /// <summary>The path: "/service/method".</summary>
    public string Method => MethodCore;

    /// <summary>The authority the client asked for.</summary>
    public string Host => HostCore;

    /// <summary>The client's address, such as "ipv4:127.0.0.1:40000".</summary>
    public string Peer => PeerCore;

    /// <summary>The UTC time at which the client gives up; <see cref="DateTime.MaxValue"/> when it waits for ever.</summary>
    public DateTime Deadline => DeadlineCore;

    /// <summary>The client's headers.</summary>
    public Metadata RequestHeaders => RequestHeadersCore;

    /// <summary>Fires when the client cancelled, vanished, or the deadline passed.</summary>
    public CancellationToken CancellationToken => CancellationTokenCore;

    /// <summary>Trailers to send with the status.</summary>
    public Metadata ResponseTrailers => ResponseTrailersCore;

    /// <summary>The status sent when the handler returns.</summary>
    public Status Status
    {
        get => StatusCore;
        set => StatusCore = value;
    }

    /// <summary>Options of the responses; null for the defaults.</summary>
    public WriteOptions? WriteOptions
    {
        get => WriteOptionsCore;
        set => WriteOptionsCore = value;
    }

    /// <summary>What is known about the client.</summary>
    public AuthContext AuthContext => AuthContextCore;

    /// <summary>Whatever interceptors and handlers hand to each other.</summary>
    public IDictionary<object, object> UserState => UserStateCore;

    /// <summary>Backs <see cref="Method"/>.</summary>
    protected abstract string MethodCore { get; }

    /// <summary>Backs <see cref="Host"/>.</summary>
    protected abstract string HostCore { get; }

    /// <summary>Backs <see cref="Peer"/>.</summary>
    protected abstract string PeerCore { get; }

    /// <summary>Backs <see cref="Deadline"/>.</summary>
    protected abstract DateTime DeadlineCore { get; }

    /// <summary>Backs <see cref="RequestHeaders"/>.</summary>
    protected abstract Metadata RequestHeadersCore { get; }

    /// <summary>Backs <see cref="CancellationToken"/>.</summary>
    protected abstract CancellationToken CancellationTokenCore { get; }

    /// <summary>Backs <see cref="ResponseTrailers"/>.</summary>
    protected abstract Metadata ResponseTrailersCore { get; }

    /// <summary>Backs <see cref="Status"/>.</summary>
    protected abstract Status StatusCore { get; set; }

    /// <summary>Backs <see cref="WriteOptions"/>.</summary>
    protected abstract WriteOptions? WriteOptionsCore { get; set; }

    /// <summary>Backs <see cref="AuthContext"/>.</summary>
    protected abstract AuthContext AuthContextCore { get; }

    /// <summary>Backs <see cref="UserState"/>.</summary>
    protected virtual IDictionary<object, object> UserStateCore => userState ??= [];

    /// <summary>Sends the headers before the first message. At most once.</summary>
    public Task WriteResponseHeadersAsync(Metadata responseHeaders) => WriteResponseHeadersAsyncCore(responseHeaders);

    /// <summary>A token that links client calls to this call.</summary>
    public ContextPropagationToken CreatePropagationToken(ContextPropagationOptions? options = null) => CreatePropagationTokenCore(options);

    /// <summary>Does <see cref="WriteResponseHeadersAsync"/>.</summary>
    protected abstract Task WriteResponseHeadersAsyncCore(Metadata responseHeaders);

    /// <summary>Does <see cref="CreatePropagationToken"/>.</summary>
    protected abstract ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options);
}
