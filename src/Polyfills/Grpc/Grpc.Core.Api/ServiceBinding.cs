namespace Grpc.Core;

/// <summary>On a generated service base class: which static method lists its methods.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false, Inherited = true)]
public class BindServiceMethodAttribute(Type bindType, string bindMethodName) : Attribute
{
    /// <summary>The generated static class.</summary>
    public Type BindType { get; } = bindType;

    /// <summary>Its method, which takes a <see cref="ServiceBinderBase"/> and the service.</summary>
    public string BindMethodName { get; } = bindMethodName;
}

/// <summary>Receives the methods of a service from generated code. A server overrides all four.</summary>
public class ServiceBinderBase
{
    /// <summary>A method with one request and one response; the handler is null when the server makes the service itself.</summary>
    public virtual void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class =>
        throw Unsupported.By(this);

    /// <summary>A method with a stream of requests and one response; the handler is null when the server makes the service itself.</summary>
    public virtual void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class =>
        throw Unsupported.By(this);

    /// <summary>A method with one request and a stream of responses; the handler is null when the server makes the service itself.</summary>
    public virtual void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class =>
        throw Unsupported.By(this);

    /// <summary>A method with a stream of requests and a stream of responses; the handler is null when the server makes the service itself.</summary>
    public virtual void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
        where TRequest : class
        where TResponse : class =>
        throw Unsupported.By(this);
}
