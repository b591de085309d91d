namespace Grpc.Core;

/// <summary>How a channel is secured. Certificates belong to the HTTP handler, not here.</summary>
public abstract class ChannelCredentials
{
    /// <summary>For derived types.</summary>
    public ChannelCredentials()
    {
    }

    /// <summary>Clear text.</summary>
    public static ChannelCredentials Insecure { get; } = new InsecureCredentials();

    /// <summary>TLS with the handler's settings.</summary>
    public static ChannelCredentials SecureSsl { get; } = new SslCredentials();

    /// <summary>A secured channel whose every call carries call credentials.</summary>
    public static ChannelCredentials Create(ChannelCredentials channelCredentials, CallCredentials callCredentials)
    {
        ArgumentNullException.ThrowIfNull(channelCredentials);
        ArgumentNullException.ThrowIfNull(callCredentials);
        return new CompositeChannelCredentials(channelCredentials, callCredentials);
    }

    /// <summary>Describes these credentials to a transport.</summary>
    public abstract void InternalPopulateConfiguration(ChannelCredentialsConfiguratorBase configurator, object state);

    private sealed class InsecureCredentials : ChannelCredentials
    {
        public override void InternalPopulateConfiguration(ChannelCredentialsConfiguratorBase configurator, object state) =>
            configurator.SetInsecureCredentials(state);
    }

    private sealed class CompositeChannelCredentials(ChannelCredentials channel, CallCredentials call) : ChannelCredentials
    {
        public override void InternalPopulateConfiguration(ChannelCredentialsConfiguratorBase configurator, object state) =>
            configurator.SetCompositeCredentials(state, channel, call);
    }
}

/// <summary>TLS with the handler's settings.</summary>
public sealed class SslCredentials : ChannelCredentials
{
    /// <inheritdoc/>
    public override void InternalPopulateConfiguration(ChannelCredentialsConfiguratorBase configurator, object state) =>
        configurator.SetSslCredentials(state, null, null, null);
}

/// <summary>Implemented by transports to learn what credentials mean.</summary>
public abstract class ChannelCredentialsConfiguratorBase
{
    /// <summary>Clear text.</summary>
    public abstract void SetInsecureCredentials(object state);

    /// <summary>TLS.</summary>
    public abstract void SetSslCredentials(object state, string? rootCertificates, KeyCertificatePair? keyCertificatePair, VerifyPeerCallback? verifyPeerCallback);

    /// <summary>A secured channel with call credentials.</summary>
    public abstract void SetCompositeCredentials(object state, ChannelCredentials channelCredentials, CallCredentials callCredentials);
}

/// <summary>A certificate and its key, both PEM.</summary>
public sealed class KeyCertificatePair(string certificateChain, string privateKey)
{
    /// <summary>The chain, PEM.</summary>
    public string CertificateChain { get; } = certificateChain;

    /// <summary>The key, PEM.</summary>
    public string PrivateKey { get; } = privateKey;
}

/// <summary>Decides whether a peer's certificate is accepted.</summary>
public delegate bool VerifyPeerCallback(VerifyPeerContext context);

/// <summary>What a <see cref="VerifyPeerCallback"/> sees.</summary>
public class VerifyPeerContext
{
    internal VerifyPeerContext(string targetName, string peerPem) => (TargetName, PeerPem) = (targetName, peerPem);

    /// <summary>The host the channel asked for.</summary>
    public string TargetName { get; }

    /// <summary>The peer's certificate, PEM.</summary>
    public string PeerPem { get; }
}
