namespace Grpc.Core;

/// <summary>The canonical status codes, numbered as on the wire.</summary>
public enum StatusCode
{
    /// <summary>Success.</summary>
    OK = 0,

    /// <summary>Cancelled, usually by the caller.</summary>
    Cancelled = 1,

    /// <summary>An error without a better code, such as an unexpected exception of the handler.</summary>
    Unknown = 2,

    /// <summary>An argument that is wrong whatever the state of the system.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed before the call completed.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked for does not exist.</summary>
    NotFound = 5,

    /// <summary>What was to be created exists.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 16,

    /// <summary>A quota, a size limit or a device is exhausted.</summary>
    ResourceExhausted = 8,

    /// <summary>The system is not in the state the call needs; retrying as is does not help.</summary>
    FailedPrecondition = 9,

    /// <summary>Lost against a concurrent change; retry from further up.</summary>
    Aborted = 10,

    /// <summary>Past the valid range.</summary>
    OutOfRange = 11,

    /// <summary>The service or method is not there.</summary>
    Unimplemented = 12,

    /// <summary>An invariant broke.</summary>
    Internal = 13,

    /// <summary>Cannot be reached at the moment; retry with back-off.</summary>
    Unavailable = 14,

    /// <summary>Unrecoverable loss or corruption.</summary>
    DataLoss = 15,
}

/// <summary>The outcome of a call: a code and a sentence for people.</summary>
public struct Status
{
    /// <summary>OK without detail.</summary>
    public static readonly Status DefaultSuccess = new(StatusCode.OK, "");

    /// <summary>CANCELLED without detail.</summary>
    public static readonly Status DefaultCancelled = new(StatusCode.Cancelled, "");

    /// <summary>A status as it travels.</summary>
    public Status(StatusCode statusCode, string detail)
        : this(statusCode, detail, null)
    {
    }

    /// <summary>A status with a local cause.</summary>
    public Status(StatusCode statusCode, string detail, Exception? debugException)
    {
        StatusCode = statusCode;
        Detail = detail;
        DebugException = debugException;
    }

    /// <summary>The code.</summary>
    public StatusCode StatusCode { get; }

    /// <summary>The detail, percent-encoded UTF-8 on the wire.</summary>
    public string Detail { get; }

    /// <summary>A local cause, never sent.</summary>
    public Exception? DebugException { get; }

    /// <summary>Code and detail, and the cause where there is one.</summary>
    public override string ToString() => DebugException is null
        ? $"Status(StatusCode=\"{StatusCode}\", Detail=\"{Detail}\")"
        : $"Status(StatusCode=\"{StatusCode}\", Detail=\"{Detail}\", DebugException=\"{DebugException.GetType()}: {DebugException.Message}\")";
}

/// <summary>A call ended with a status other than OK. Thrown by a handler, it sets the status the client sees.</summary>
public class RpcException : Exception
{
    /// <summary>With the status as message.</summary>
    public RpcException(Status status)
        : this(status, Metadata.Empty, status.ToString())
    {
    }

    /// <summary>With a message for the local log.</summary>
    public RpcException(Status status, string message)
        : this(status, Metadata.Empty, message)
    {
    }

    /// <summary>With trailers to send beside the status.</summary>
    public RpcException(Status status, Metadata trailers)
        : this(status, trailers, status.ToString())
    {
    }

    /// <summary>With trailers and a message for the local log.</summary>
    public RpcException(Status status, Metadata trailers, string message)
        : base(message, status.DebugException)
    {
        ArgumentNullException.ThrowIfNull(trailers);
        Status = status;
        Trailers = trailers;
    }

    /// <summary>The status of the call.</summary>
    public Status Status { get; }

    /// <summary>The code of <see cref="Status"/>, for exception filters.</summary>
    public StatusCode StatusCode => Status.StatusCode;

    /// <summary>The trailers that came or go with the status.</summary>
    public Metadata Trailers { get; }
}
