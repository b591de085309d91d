using System.Net;
using System.Net.Sockets;

namespace Grpc.Tests.Hosting;

/// <summary>A TCP relay that can freeze, as a stopped process or a dead route does, or cut its connections.</summary>
internal sealed class FlakyProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource closing = new();
    private readonly List<Socket> sockets = [];
    private readonly Lock gate = new();
    private readonly int target;
    private readonly Task accepting;
    private volatile bool isFrozen;

    public FlakyProxy(Uri target)
    {
        this.target = target.Port;
        listener.Start();
        accepting = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>From now on bytes are swallowed; the connections stay open.</summary>
    public void Freeze() => isFrozen = true;

    /// <summary>Resets every connection; new ones are accepted.</summary>
    public void Cut()
    {
        lock (gate)
        {
            foreach (var socket in sockets)
            {
                socket.LingerState = new LingerOption(true, 0);
                socket.Dispose();
            }

            sockets.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        listener.Stop();
        Cut();
        await accepting.Soon();
        closing.Dispose();
    }

    private async Task AcceptAsync()
    {
        var relays = new List<Task>();
        try
        {
            while (true)
            {
                var near = await listener.AcceptSocketAsync(closing.Token);
                var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await far.ConnectAsync(IPAddress.Loopback, target, closing.Token);
                lock (gate)
                {
                    sockets.AddRange([near, far]);
                }

                relays.Add(RelayAsync(near, far));
                relays.Add(RelayAsync(far, near));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException && closing.IsCancellationRequested)
        {
            await Task.WhenAll(relays);
        }
    }

    private async Task RelayAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int count; (count = await from.ReceiveAsync(buffer, closing.Token)) > 0;)
            {
                if (!isFrozen)
                {
                    await to.SendAsync(buffer.AsMemory(0, count), closing.Token);
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone, by its own will or by Cut; the other direction ends with it.
        }
    }
}
