using System.Runtime.CompilerServices;
using Diffusion.Model.Objectives;
using Diffusion.Native.Collectives;

namespace Diffusion.Worker.Training;

/// <summary>What all ranks learn about one shard of a step, beside its gradient.</summary>
/// <remarks>Summed in shard order, so that every rank, and every number of ranks, gets the same numbers.</remarks>
internal struct ShardRecord
{
    /// <summary>Number of noise bands.</summary>
    public const int Bands = 9;

    private const ulong Tag = 0x52UL << 56;

    /// <summary>What the shard's rank asks all ranks for, see <see cref="StepRequests"/>.</summary>
    public StepRequests Requests;

    /// <summary>Digest of the shard's images, see <see cref="ConsumedImages"/>.</summary>
    public long Images;

    /// <summary>Sum of the loss map over images, channels and pixels.</summary>
    public double LossSum;

    /// <summary>Elements of the loss map.</summary>
    public long LossCount;

    /// <summary>Per noise band: sum of the images' weighted squared errors.</summary>
    public BandValues<double> ErrorSum;

    /// <summary>Per noise band: images.</summary>
    public BandValues<long> ErrorCount;

    /// <summary>Mean loss per element; NaN without any.</summary>
    public readonly double MeanLoss => LossCount == 0 ? double.NaN : LossSum / LossCount;

    /// <summary>Sets the noise bands' numbers.</summary>
    public void SetBands(NoiseBands bands)
    {
        for (int band = 0; band < Bands; band++)
        {
            var values = bands.Bands[band];
            ErrorCount[band] = values.Count;
            ErrorSum[band] = values.Count == 0 ? 0 : values.Mean * values.Count;
        }
    }

    /// <summary>Adds another record's numbers.</summary>
    public void Add(in ShardRecord other)
    {
        Requests |= other.Requests;
        LossSum += other.LossSum;
        LossCount += other.LossCount;
        for (int band = 0; band < Bands; band++)
        {
            ErrorSum[band] += other.ErrorSum[band];
            ErrorCount[band] += other.ErrorCount[band];
        }
    }

    /// <summary>Completes the records of all shards from the ranks that own them.</summary>
    /// <param name="records">One per shard, pinned; this rank's own are filled in.</param>
    /// <param name="transport">The ranks.</param>
    /// <param name="plan">Who owns which shards.</param>
    /// <param name="deadline">Longest wait.</param>
    /// <param name="cancellationToken">Aborts the transport.</param>
    /// <returns>All records added up in shard order.</returns>
    public static unsafe ShardRecord Exchange(ShardRecord[] records, IPeerTransport transport, ShardPlan plan, TimeSpan deadline, CancellationToken cancellationToken)
    {
        if (transport.Size > 1)
        {
            fixed (ShardRecord* first = records)
            {
                nint address = (nint)first;
                Transfer Of(int peer, ShardRange shards) => new(peer, Tag, address + (shards.Start * Unsafe.SizeOf<ShardRecord>()), (long)shards.Count * Unsafe.SizeOf<ShardRecord>());
                var others = Enumerable.Range(0, transport.Size).Where(peer => peer != transport.Rank).ToArray();
                var own = plan[transport.Rank];
                var sends = own.IsEmpty ? [] : others.Select(peer => Of(peer, own)).ToArray();
                var receives = others.Where(peer => !plan[peer].IsEmpty).Select(peer => Of(peer, plan[peer])).ToArray();
                transport.Exchange(sends, receives, deadline, cancellationToken);
            }
        }

        var total = default(ShardRecord);
        foreach (ref readonly var record in records.AsSpan())
        {
            total.Add(record);
        }

        return total;
    }

    /// <summary>One number per noise band.</summary>
    [InlineArray(Bands)]
    internal struct BandValues<T>
    {
        private T first;
    }
}

/// <summary>What a rank asks of all ranks at the end of a step; as it travels with the step's records, all answer after the same step.</summary>
[Flags]
internal enum StepRequests : long
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>End the generation after this step.</summary>
    Pause = 1,

    /// <summary>Write a checkpoint before that.</summary>
    Save = 2,
}
