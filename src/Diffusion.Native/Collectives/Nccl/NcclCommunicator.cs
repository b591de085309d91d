using System.Runtime.InteropServices;

namespace Diffusion.Native.Collectives.Nccl;

/// <summary>One rank's end of a communicator. Its calls do not block, and it can be given up at any moment, from any thread.</summary>
/// <remarks>
/// NCCL wants one thread at a time in a communicator, and none while it is aborted. So calls hold a lock, waits do not, and an abort waits for the lock: but not for ever, because
/// a call that hangs is what an abort is for. It runs on a thread of its own: it joins NCCL's threads, which may take seconds, and whoever asks for it has others to tell.
/// </remarks>
internal sealed unsafe class NcclCommunicator : IDisposable
{
    private static readonly TimeSpan PatienceWithCalls = TimeSpan.FromSeconds(1);
    private readonly object gate = new();
    private readonly IDeviceLane lane;
    private readonly NcclOptions options;
    private readonly string name;
    private nint* handle;
    private readonly TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int ending;
    private bool stuck;
    private volatile bool over;

    public NcclCommunicator(IDeviceLane lane, int rank, int size, NcclOptions options)
    {
        this.lane = lane;
        this.options = options;
        name = $"rank {rank} of {size}";
        handle = (nint*)NativeMemory.AllocZeroed((nuint)sizeof(nint));
    }

    /// <summary>Whether NCCL holds nothing of this communicator any more.</summary>
    public bool IsEnded => finished.Task.IsCompleted;

    /// <summary>Names a communicator for all ranks of a generation. This process must live until all have joined.</summary>
    public static NcclUniqueId NewId()
    {
        NcclUniqueId id;
        var result = NcclNative.ncclGetUniqueId(&id);
        return result == NcclResult.Success ? id : throw Explain(result, "NCCL cannot open the socket by which the ranks find one another", 0);
    }

    /// <summary>Begins to join; <see cref="State"/> tells when all ranks have.</summary>
    public void Join(NcclUniqueId id, int rank, int size)
    {
        lane.Bind();
        var config = NcclConfig.NonBlocking(NcclLibrary.VersionCode);
        lock (gate)
        {
            RequireOpen();
            Check(NcclNative.ncclCommInitRankConfig(handle, size, id, rank, &config), "joining");
        }
    }

    /// <summary>How the last call fares, with an error from anywhere: <see cref="NcclResult.InProgress"/> until it is done.</summary>
    public NcclResult State()
    {
        lock (gate)
        {
            RequireOpen();
            NcclResult state;
            Check(NcclNative.ncclCommGetAsyncError(*handle, &state), "asking for its state");
            return state;
        }
    }

    /// <summary>Asks for sends, receives and a gather as one group.</summary>
    public void Exchange(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, int rank)
    {
        lock (gate)
        {
            RequireOpen();
            Check(NcclNative.ncclGroupStart(), "opening a group");
            NcclResult asked = NcclResult.InternalError, launched;
            try
            {
                asked = Ask(sends, receives, gather, rank);
            }
            finally
            {
                // Whatever went wrong within: a group that stays open swallows everything this thread asks for later.
                launched = NcclNative.ncclGroupEnd();
            }

            Check(asked, "asking for transfers");
            Check(launched, "starting transfers");
        }
    }

    /// <summary>Asks for a sum in place.</summary>
    public void AllReduce(nint address, long floats)
    {
        lock (gate)
        {
            RequireOpen();
            Check(NcclNative.ncclAllReduce((void*)address, (void*)address, (nuint)floats, NcclDataType.Float32, NcclOperation.Sum, *handle, lane.Handle), "asking for a sum");
        }
    }

    /// <summary>What a result means for whoever waits.</summary>
    public Exception Explain(NcclResult result, string what) => Explain(result, $"NCCL, {name}, {what}", over || *handle == 0 ? 0 : *handle);

    /// <summary>Gives the communicator up. Returns at once.</summary>
    public void Abort() => End(AbortNow);

    /// <summary>Closes in order what was not given up, and waits for the end of both.</summary>
    public void Dispose()
    {
        End(CloseNow);
        if (AwaitEnd() && handle != null)
        {
            NativeMemory.Free(handle);
            handle = null;
        }
    }

    /// <summary>Waits for the end that was begun, but not beyond its time; then somebody is told. By the rank's own thread.</summary>
    public bool AwaitEnd()
    {
        if (!stuck && !finished.Task.Wait(options.EndTimeout + PatienceWithCalls))
        {
            stuck = true;
            options.Stuck?.Invoke($"NCCL did not let go of the device of {name} within {options.EndTimeout.TotalSeconds:0.###} s. Only the end of this process frees it.");
        }

        return !stuck;
    }

    private void End(Action how)
    {
        if (Interlocked.Exchange(ref ending, 1) == 0)
        {
            over = true;
            new Thread(() =>
            {
                how();
                finished.SetResult();
            })
            { IsBackground = true, Name = "nccl end" }.Start();
        }
    }

    private void AbortNow()
    {
        bool entered = Monitor.TryEnter(gate, PatienceWithCalls);
        try
        {
            AbortHandle();
        }
        finally
        {
            if (entered)
            {
                Monitor.Exit(gate);
            }
        }
    }

    // Closing is agreed between the ranks of a box: one that is not there any more would be waited for.
    private void CloseNow()
    {
        lock (gate)
        {
            if (*handle == 0)
            {
                return;
            }

            lane.Bind();
            var time = Deadline.After(options.EndTimeout / 2);
            var result = NcclNative.ncclCommFinalize(*handle);
            while (result is NcclResult.InProgress && time.Left > TimeSpan.Zero)
            {
                Thread.Yield();
                NcclResult state;
                result = NcclNative.ncclCommGetAsyncError(*handle, &state) is not NcclResult.Success and var failed ? failed : state;
            }

            if (result == NcclResult.Success)
            {
                _ = NcclNative.ncclCommDestroy(*handle);
                return;
            }

            AbortHandle();
        }
    }

    private void AbortHandle()
    {
        if (*handle != 0)
        {
            lane.Bind();
            _ = NcclNative.ncclCommAbort(*handle);
        }
    }

    private NcclResult Ask(ReadOnlySpan<Transfer> sends, ReadOnlySpan<Transfer> receives, DeviceGather? gather, int rank)
    {
        // NCCL knows no tags and pairs by order; both sides order by tag.
        foreach (var send in ByTag(sends))
        {
            if (NcclNative.ncclSend((void*)send.Address, (nuint)send.Bytes, NcclDataType.UInt8, send.Peer, *handle, lane.Handle) is not NcclResult.Success and var failed)
            {
                return failed;
            }
        }

        foreach (var receive in ByTag(receives))
        {
            if (NcclNative.ncclRecv((void*)receive.Address, (nuint)receive.Bytes, NcclDataType.UInt8, receive.Peer, *handle, lane.Handle) is not NcclResult.Success and var failed)
            {
                return failed;
            }
        }

        if (gather is not { } whole)
        {
            return NcclResult.Success;
        }

        nint own = whole.Address + (nint)(rank * whole.FloatsPerRank * sizeof(float));
        return NcclNative.ncclAllGather((void*)own, (void*)whole.Address, (nuint)whole.FloatsPerRank, NcclDataType.Float32, *handle, lane.Handle);
    }

    private static Transfer[] ByTag(ReadOnlySpan<Transfer> transfers)
    {
        var ordered = transfers.ToArray();
        Array.Sort(ordered, (a, b) => a.Tag.CompareTo(b.Tag));
        return ordered;
    }

    private void RequireOpen()
    {
        if (over)
        {
            throw new CollectiveException(CollectiveFailure.Aborted, $"NCCL, {name}: given up.");
        }
    }

    private void Check(NcclResult result, string what)
    {
        if (result is not (NcclResult.Success or NcclResult.InProgress))
        {
            throw Explain(result, what);
        }
    }

    private static Exception Explain(NcclResult result, string what, nint communicator)
    {
        string last = Marshal.PtrToStringUTF8((nint)NcclNative.ncclGetLastError(communicator)) ?? "";
        string text = $"{what}: {Marshal.PtrToStringUTF8((nint)NcclNative.ncclGetErrorString(result))}{(last.Length > 0 ? $" ({last.Trim()})" : "")}.";
        return result switch
        {
            NcclResult.InvalidArgument or NcclResult.InvalidUsage => new InvalidOperationException(text),
            NcclResult.UnhandledCudaError => new DeviceFailedException($"{text} Look at nvidia-smi and at the kernel's log; a GPU that has failed works again after a reset or a restart of the box."),
            _ => new CollectiveException(CollectiveFailure.PeerLost, text),
        };
    }
}
