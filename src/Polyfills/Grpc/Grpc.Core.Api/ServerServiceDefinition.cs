namespace Grpc.Core;

/// <summary>The methods of one service object.</summary>
public class ServerServiceDefinition
{
    private readonly IReadOnlyList<Action<ServiceBinderBase>> methods;

    private ServerServiceDefinition(IReadOnlyList<Action<ServiceBinderBase>> methods) => this.methods = methods;

    /// <summary>Starts a definition.</summary>
    public static Builder CreateBuilder() => new();

    /// <summary>Lists the methods to a server.</summary>
    public void BindService(ServiceBinderBase serviceBinder)
    {
        foreach (var addTo in methods)
        {
            addTo(serviceBinder);
        }
    }

    /// <summary>Collects the methods of one service object.</summary>
    public class Builder
    {
        private readonly List<Action<ServiceBinderBase>> methods = [];

        /// <summary>Used by generated code.</summary>
        public Builder()
        {
        }

        /// <summary>A method with one request and one response.</summary>
        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class =>
            Add(binder => binder.AddMethod(method, handler));

        /// <summary>A method with a stream of requests and one response.</summary>
        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class =>
            Add(binder => binder.AddMethod(method, handler));

        /// <summary>A method with one request and a stream of responses.</summary>
        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class =>
            Add(binder => binder.AddMethod(method, handler));

        /// <summary>A method with a stream of requests and a stream of responses.</summary>
        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class =>
            Add(binder => binder.AddMethod(method, handler));

        /// <summary>The definition of what was added so far.</summary>
        public ServerServiceDefinition Build() => new([.. methods]);

        private Builder Add(Action<ServiceBinderBase> addTo)
        {
            methods.Add(addTo);
            return this;
        }
    }
}
