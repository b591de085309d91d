using System.Diagnostics;
using System.Globalization;

namespace Diffusion.Cluster.Tests;

/// <summary>A test that cuts a network of its own; skipped where that is not permitted.</summary>
internal sealed class NetworkFactAttribute : FactAttribute
{
    public NetworkFactAttribute() => Skip = NetworkTheoryAttribute.Refusal.Value!;
}

/// <inheritdoc cref="NetworkFactAttribute"/>
internal sealed class NetworkTheoryAttribute : TheoryAttribute
{
    public NetworkTheoryAttribute() => Skip = Refusal.Value!;

    /// <summary>Why namespaces cannot be made here; null where they can.</summary>
    public static readonly Lazy<string?> Refusal = new(() =>
    {
        try
        {
            using var boxes = new Namespaces();
            Namespaces.Run("ip", "netns", "exec", boxes.Far, "iptables", "-L", "-n");
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return $"network namespaces cannot be made here (root, iproute2 and iptables are needed): {e.Message.Split('\n')[0]}";
        }
    });
}

/// <summary>Two boxes: network namespaces joined by one cable. Whatever is cut is cut inside of them, and both go with this object.</summary>
internal sealed class Namespaces : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static int count;
    private readonly string cable;

    public Namespaces()
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}-{Interlocked.Increment(ref count)}");
        (Near, Far, cable) = ($"ddnear-{id}", $"ddfar-{id}", "ddcable");
        try
        {
            Run("ip", "netns", "add", Near);
            Run("ip", "netns", "add", Far);
            Run("ip", "-n", Near, "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", Far);
            foreach (var (box, address) in new[] { (Near, NearAddress), (Far, FarAddress) })
            {
                Run("ip", "-n", box, "address", "add", $"{address}/24", "dev", cable);
                Run("ip", "-n", box, "link", "set", "lo", "up");
                Run("ip", "-n", box, "link", "set", cable, "up");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Near { get; }

    public string Far { get; }

    public static string NearAddress => "10.213.77.1";

    public static string FarAddress => "10.213.77.2";

    /// <summary>Cuts the far box off.</summary>
    public void Cut(string how)
    {
        switch (how)
        {
            case "link down":
                Run("ip", "-n", Far, "link", "set", cable, "down");
                break;
            case "drop":
                Filter("-A", "INPUT", "-i", cable, "-j", "DROP");
                Filter("-A", "OUTPUT", "-o", cable, "-j", "DROP");
                break;
            case "reset":
                Filter("-A", "INPUT", "-i", cable, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset");
                Filter("-A", "OUTPUT", "-o", cable, "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset");
                break;
            case "mute after 100 kB":
                // Less than one exchange of gradients: it ends in the middle, and one way only.
                Filter("-A", "OUTPUT", "-o", cable, "-m", "quota", "--quota", "100000", "-j", "ACCEPT");
                Filter("-A", "OUTPUT", "-o", cable, "-j", "DROP");
                break;
            default:
                throw new ArgumentException($"'{how}' is no way to cut a network.", nameof(how));
        }
    }

    /// <summary>Lets the far box reach one port of the near one, and nothing else either way.</summary>
    public void BlockAllBut(string port)
    {
        Filter("-A", "OUTPUT", "-o", cable, "-p", "tcp", "!", "--dport", port, "-j", "DROP");
        Filter("-A", "INPUT", "-i", cable, "-p", "tcp", "!", "--sport", port, "-j", "DROP");
    }

    /// <summary>Undoes every cut.</summary>
    public void Heal()
    {
        Filter("-F");
        Run("ip", "-n", Far, "link", "set", cable, "up");
    }

    /// <exception cref="InvalidOperationException">It failed, with what it said.</exception>
    public static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var said = process.StandardError.ReadToEndAsync();
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        if (!process.WaitForExit(Limit))
        {
            process.Kill();
            throw new InvalidOperationException($"'{program} {string.Join(' ', arguments)}' did not end.");
        }

        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException(said.GetAwaiter().GetResult().Trim());
        }
    }

    public void Dispose()
    {
        foreach (string box in new[] { Near, Far })
        {
            try
            {
                Run("ip", "netns", "del", box);
            }
            catch (InvalidOperationException)
            {
                // It was never made.
            }
        }
    }

    private void Filter(params string[] rule) => Run("ip", ["netns", "exec", Far, "iptables", "-w", .. rule]);
}
