using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Worker.Session;

/// <summary>Where the coordinator is, and which of this box's addresses leads there.</summary>
internal sealed record CoordinatorAddress(string Host, int Port)
{
    /// <summary>How long this worker waits for it; the run's, once the coordinator has told.</summary>
    public WorkerTimeouts Timeouts { get; init; } = WorkerTimeouts.Scaled(1);

    /// <summary>Form that an HTTP client takes.</summary>
    public Uri Uri => new UriBuilder("http", Host, Port).Uri;

    /// <exception cref="ConfigurationException">It is not HOST:PORT.</exception>
    public static CoordinatorAddress Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon].Trim('[', ']');
        return host.Length > 0 && int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and < 65536 && Uri.CheckHostName(host) != UriHostNameType.Unknown
            ? new CoordinatorAddress(host, port)
            : throw new ConfigurationException($"Coordinator '{text}' is not HOST:PORT, e.g. 127.0.0.1:5001. The coordinator prints its address when it starts, and writes it to coordinator.json in the run directory.");
    }

    /// <summary>Checks by listening on it for a moment that an address is this box's.</summary>
    /// <returns>The address.</returns>
    /// <exception cref="ConfigurationException">It is not.</exception>
    public static async Task<string> RequireOwnAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            var own = await Dns.GetHostAddressesAsync(address, cancellationToken).ConfigureAwait(false);
            using var listener = new TcpListener(own[0], 0);
            listener.Start();
            return address;
        }
        catch (SocketException e)
        {
            var here = NetworkInterface.GetAllNetworkInterfaces().SelectMany(network => network.GetIPProperties().UnicastAddresses).Select(each => each.Address.ToString());
            throw new ConfigurationException($"--data-address {address} is no address of this box: {e.Message}. This box has {string.Join(", ", here)}; name the one that the other workers reach, or leave it out.");
        }
    }

    /// <summary>The address of this box that packets to the coordinator leave from: connecting a datagram socket asks the routing table and sends nothing.</summary>
    public async Task<string> LocalAddressAsync(CancellationToken cancellationToken)
    {
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(Host, cancellationToken).ConfigureAwait(false);
            var target = addresses.FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork) ?? addresses[0];
            using var socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(new IPEndPoint(target, Port), cancellationToken).ConfigureAwait(false);
            return ((IPEndPoint)socket.LocalEndPoint!).Address.ToString();
        }
        catch (SocketException e)
        {
            throw new ConfigurationException($"There is no route to the coordinator {Host}:{Port}: {e.Message}. Check the name, or name this box's address with --data-address.");
        }
    }
}
