namespace Grpc.Core;

/// <summary>Adds the credentials to a call's headers before it is sent.</summary>
public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);

/// <summary>The call that an <see cref="AsyncAuthInterceptor"/> is asked about.</summary>
public class AuthInterceptorContext(string serviceUrl, string methodName, CancellationToken cancellationToken)
{
    /// <summary>Without a token.</summary>
    public AuthInterceptorContext(string serviceUrl, string methodName)
        : this(serviceUrl, methodName, CancellationToken.None)
    {
    }

    /// <summary>The service's address.</summary>
    public string ServiceUrl { get; } = serviceUrl;

    /// <summary>The method's own name.</summary>
    public string MethodName { get; } = methodName;

    /// <summary>The call's token.</summary>
    public CancellationToken CancellationToken { get; } = cancellationToken;
}

/// <summary>What identifies the caller, call by call. Sent over TLS only, unless the channel says otherwise.</summary>
public abstract class CallCredentials
{
    /// <summary>Several, one after the other.</summary>
    public static CallCredentials Compose(params CallCredentials[] credentials) => new CompositeCallCredentials([.. credentials]);

    /// <summary>From a function that adds headers.</summary>
    public static CallCredentials FromInterceptor(AsyncAuthInterceptor interceptor)
    {
        ArgumentNullException.ThrowIfNull(interceptor);
        return new InterceptorCallCredentials(interceptor);
    }

    /// <summary>Describes these credentials to a transport.</summary>
    public abstract void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object state);

    private sealed class InterceptorCallCredentials(AsyncAuthInterceptor interceptor) : CallCredentials
    {
        public override void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object state) =>
            configurator.SetAsyncAuthInterceptorCredentials(state, interceptor);
    }

    private sealed class CompositeCallCredentials(IReadOnlyList<CallCredentials> credentials) : CallCredentials
    {
        public override void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object state) =>
            configurator.SetCompositeCredentials(state, credentials);
    }
}

/// <summary>Implemented by transports to learn what credentials mean.</summary>
public abstract class CallCredentialsConfiguratorBase
{
    /// <summary>A function that adds headers.</summary>
    public abstract void SetAsyncAuthInterceptorCredentials(object state, AsyncAuthInterceptor interceptor);

    /// <summary>Several, one after the other.</summary>
    public abstract void SetCompositeCredentials(object state, IReadOnlyList<CallCredentials> credentials);
}
