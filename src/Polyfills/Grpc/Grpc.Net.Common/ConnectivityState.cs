namespace Grpc.Core;

/// <summary>The state of a channel's connection.</summary>
public enum ConnectivityState
{
    /// <summary>No connection and none wanted.</summary>
    Idle,

    /// <summary>A connection is being made.</summary>
    Connecting,

    /// <summary>Calls can be sent.</summary>
    Ready,

    /// <summary>The last attempt failed; another will follow.</summary>
    TransientFailure,

    /// <summary>The channel was shut down.</summary>
    Shutdown,
}
