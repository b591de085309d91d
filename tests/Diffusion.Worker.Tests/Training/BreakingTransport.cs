using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Tests.Training;

/// <summary>A rank's transport that is lost after some exchanges.</summary>
internal sealed class BreakingTransport(IPeerTransport transport, int exchanges) : IPeerTransport
{
    private int left = exchanges;

    public int Rank => transport.Rank;

    public int Size => transport.Size;

    public CollectiveException? Failure => transport.Failure;

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, TimeSpan deadline, CancellationToken cancellationToken)
    {
        if (left-- == 0)
        {
            Abort("broken on purpose");
        }

        transport.Exchange(sends, receives, deadline, cancellationToken);
    }

    public void Abort(string reason) => transport.Abort(reason);

    public void Dispose() => transport.Dispose();
}
