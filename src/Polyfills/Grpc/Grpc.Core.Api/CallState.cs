namespace Grpc.Core;

/// <summary>What the four call objects share: headers, status, trailers and disposal, as functions over a state.</summary>
internal readonly struct CallState(
    Func<object, Task<Metadata>> headers,
    Func<object, Status> status,
    Func<object, Metadata> trailers,
    Action<object> dispose,
    object state)
{
    internal CallState(Task<Metadata> headers, Func<Status> status, Func<Metadata> trailers, Action dispose)
        : this(_ => headers, _ => status(), _ => trailers(), _ => dispose(), headers)
    {
    }

    internal Task<Metadata> Headers() => headers(state);

    internal Status Status() => status(state);

    internal Metadata Trailers() => trailers(state);

    internal void Dispose() => dispose(state);
}
