namespace Diffusion.Native.Collectives.Nccl;

/// <summary>The devices' half of <see cref="NcclTransport"/>.</summary>
internal sealed class NcclLink(NcclTransport transport, NcclCommunicator communicator, IDeviceLane lane) : IDeviceLink
{
    /// <summary>Looks before the waiting thread lets others have its processor for longer than a moment.</summary>
    private const int ImpatientLooks = 2000;

    public IDeviceLane Lane => lane;

    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, TimeSpan deadline)
    {
        TransferRules.Check(sends, receives, transport.Rank, transport.Size);
        transport.ThrowIfFailed();
        if (sends.IsEmpty && receives.IsEmpty && gather is null)
        {
            return;
        }

        try
        {
            communicator.Exchange(sends, receives, gather, transport.Rank);
        }
        catch (Exception e)
        {
            transport.FailAndThrow(e);
        }

        Settle(deadline, "starting transfers");
    }

    public void AllReduce(nint address, long floats, TimeSpan deadline)
    {
        transport.ThrowIfFailed();
        try
        {
            communicator.AllReduce(address, floats);
        }
        catch (Exception e)
        {
            transport.FailAndThrow(e);
        }

        Settle(deadline, "starting a sum");
    }

    public void Await(TimeSpan deadline, CancellationToken cancellationToken)
    {
        using var cancel = cancellationToken.UnsafeRegister(static state => ((NcclTransport)state!).Abort("Cancelled by the caller."), transport);
        lane.Mark();
        WaitUntil(() => communicator.State() is not (NcclResult.Success or NcclResult.InProgress) and var bad ? throw communicator.Explain(bad, "exchanging") : lane.IsMarkReached, deadline, "the devices' exchange");
    }

    /// <summary>Until the last call is done: before, nothing else may be asked of the communicator or of its stream.</summary>
    public void Settle(TimeSpan deadline, string what) => WaitUntil(
        () => communicator.State() switch
        {
            NcclResult.Success => true,
            NcclResult.InProgress => false,
            var bad => throw communicator.Explain(bad, what),
        },
        deadline,
        what);

    /// <summary>After the end of the communicator: waits until what was asked for around its transfers has run out.</summary>
    public void Drain(TimeSpan longest)
    {
        var time = Deadline.After(longest);
        try
        {
            lane.Mark();
            while (communicator.IsEnded && !lane.IsMarkReached && time.Left > TimeSpan.Zero)
            {
                Thread.Yield();
            }
        }
        catch (DeviceFailedException)
        {
            // A device that has failed writes nothing more, and its failure is what this is the end of.
        }
    }

    private void WaitUntil(Func<bool> isDone, TimeSpan deadline, string what)
    {
        var time = Deadline.After(deadline);
        for (int looks = 0; ; looks++)
        {
            transport.ThrowIfFailed();
            try
            {
                if (isDone())
                {
                    return;
                }
            }
            catch (Exception e)
            {
                transport.FailAndThrow(e);
            }

            if (time.Left == TimeSpan.Zero)
            {
                transport.FailAndThrow(new CollectiveException(CollectiveFailure.TimedOut, $"Rank {transport.Rank} of {transport.Size} waited {deadline.TotalSeconds:0.###} s for {what} over NCCL.", tag: Tags.Device));
            }

            if (looks < ImpatientLooks)
            {
                Thread.Yield();
            }
            else
            {
                transport.Pause();
            }
        }
    }
}
