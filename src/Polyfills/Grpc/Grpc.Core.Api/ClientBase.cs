namespace Grpc.Core;

/// <summary>A connection, or several, to one address.</summary>
public abstract class ChannelBase
{
    /// <summary>A channel to this target.</summary>
    protected ChannelBase(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
    }

    /// <summary>The address as given.</summary>
    public string Target { get; }

    /// <summary>What clients of this channel call through.</summary>
    public abstract CallInvoker CreateCallInvoker();

    /// <summary>Closes the channel; calls in progress are cancelled.</summary>
    public Task ShutdownAsync() => ShutdownAsyncCore();

    /// <summary>What <see cref="ShutdownAsync"/> does.</summary>
    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}

/// <summary>The part of a generated client that does not depend on its type.</summary>
public abstract class ClientBase
{
    /// <summary>For mocking frameworks; every call throws.</summary>
    protected ClientBase()
        : this(new ClientBaseConfiguration(new UnconnectedCallInvoker()))
    {
    }

    /// <summary>Used by generated code.</summary>
    protected ClientBase(ClientBaseConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Configuration = configuration;
    }

    /// <summary>A client of this channel.</summary>
    public ClientBase(ChannelBase channel)
        : this(channel.CreateCallInvoker())
    {
    }

    /// <summary>A client that calls through this invoker.</summary>
    public ClientBase(CallInvoker callInvoker)
        : this(new ClientBaseConfiguration(callInvoker))
    {
    }

    /// <summary>What generated methods call through.</summary>
    protected CallInvoker CallInvoker => Configuration.Invoker;

    internal ClientBaseConfiguration Configuration { get; }

    /// <summary>Opaque; generated clients only pass it on.</summary>
    protected internal class ClientBaseConfiguration
    {
        internal ClientBaseConfiguration(CallInvoker invoker)
        {
            ArgumentNullException.ThrowIfNull(invoker);
            Invoker = invoker;
        }

        internal CallInvoker Invoker { get; }

        internal ClientBaseConfiguration WithHost(string host) => new(new HostCallInvoker(Invoker, host));
    }
}

/// <summary>The base of a generated client.</summary>
public abstract class ClientBase<T> : ClientBase
    where T : ClientBase<T>
{
    /// <inheritdoc cref="ClientBase()"/>
    protected ClientBase()
    {
    }

    /// <inheritdoc cref="ClientBase(ClientBase.ClientBaseConfiguration)"/>
    protected ClientBase(ClientBaseConfiguration configuration)
        : base(configuration)
    {
    }

    /// <inheritdoc cref="ClientBase(ChannelBase)"/>
    public ClientBase(ChannelBase channel)
        : base(channel)
    {
    }

    /// <inheritdoc cref="ClientBase(CallInvoker)"/>
    public ClientBase(CallInvoker callInvoker)
        : base(callInvoker)
    {
    }

    /// <summary>A client of the same channel that sends another authority.</summary>
    public T WithHost(string host) => NewInstance(Configuration.WithHost(host));

    /// <summary>Implemented by generated code.</summary>
    protected abstract T NewInstance(ClientBaseConfiguration configuration);
}
