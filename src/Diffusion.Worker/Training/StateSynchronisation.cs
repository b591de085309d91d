using System.Runtime.CompilerServices;
using System.Text;
using Diffusion.Contracts.Configuration;
using Diffusion.Native.Collectives;
using Diffusion.V1;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Training;

/// <summary>At the start of a generation: all ranks hold the most advanced state that any of them has, and prove it.</summary>
internal sealed class StateSynchronisation(ReplicaState state, RunSaver saver, RunConfig config, Action<WorkerPhase> enter, ILogger logger)
{
    /// <summary>Reading a checkpoint takes what disk and network take. Whoever reads it and dies ends the generation by that, and nobody waits so long.</summary>
    private static readonly TimeSpan RestoreTimeout = TimeSpan.FromHours(6);

    /// <summary>Makes all states equal.</summary>
    /// <exception cref="TrainingFailedException">Two ranks at the same step hold different bits.</exception>
    /// <exception cref="CollectiveException">A rank is gone.</exception>
    public void Run(IPeerTransport transport, GenerationRequest request, CancellationToken cancellationToken)
    {
        var offers = Offers(transport, request.Writes, request.StepTimeout ?? request.CollectiveTimeout, cancellationToken);
        if (offers.All(o => o.CompletedStep < 0))
        {
            // 1. Nobody has trained yet: the writer, who sees the run's directory if anybody does, starts from its newest whole checkpoint, or from the initial weights.
            int starter = Math.Max(0, Array.FindIndex(offers, o => o.Writes != 0));
            if (transport.Rank == starter)
            {
                enter(WorkerPhase.Restoring);
                saver.LoadNewestCheckpoint(cancellationToken);
                Start(cancellationToken);
                enter(WorkerPhase.Synchronising);
            }

            offers = Offers(transport, request.Writes, RestoreTimeout, cancellationToken);
        }

        // 2. The lowest rank with the highest step has the state; equal steps must be equal bits.
        long newest = offers.Max(o => o.CompletedStep);
        int root = Array.FindIndex(offers, o => o.CompletedStep == newest);
        for (int rank = 0; rank < offers.Length; rank++)
        {
            if (!offers[rank].Agrees(offers[root]) && offers[rank].CompletedStep == newest && IsExact)
            {
                throw new TrainingFailedException(
                    $"Ranks {root} and {rank} of generation {request.Number} both hold step {newest} but different bits ({offers[root].DigestText[..16]}, {offers[rank].DigestText[..16]}). "
                    + "One of the boxes computes wrong, or differs in hardware or libraries. Resume from the last checkpoint without it.");
            }
        }

        // 3. Who lags receives everything, and the digests are compared once more. Without exact sums the devices may be of several models, whose replicas drift apart by rounding.
        int[] behind = [.. Enumerable.Range(0, offers.Length).Where(rank => !offers[rank].Agrees(offers[root]))];
        if (behind.Length > 0)
        {
            logger.LogInformation("State of step {Step} goes from rank {Root} to the ranks behind it", newest, root);
            state.Broadcast(transport, root, behind, request.CollectiveTimeout, cancellationToken);
            var received = Offers(transport, request.Writes, request.StepTimeout ?? request.CollectiveTimeout, cancellationToken);
            int wrong = Array.FindIndex(received, o => o.DigestText != received[root].DigestText);
            if (wrong >= 0)
            {
                throw new TrainingFailedException($"Rank {wrong} received a state of step {newest} whose digest {received[wrong].DigestText[..16]} is not the sender's {received[root].DigestText[..16]}. Check that box's memory and network.");
            }
        }

        saver.WriteMissedSnapshots(request.Writes);
    }

    private bool IsExact => config.Training.GradientSum == GradientSum.Exact;

    // Weights of a file reach all other ranks as any state does: only this rank has to see the file.
    private void Start(CancellationToken cancellationToken)
    {
        if (state.CompletedStep < 0)
        {
            state.Mend();
            if (config.Initialization is { } initialization)
            {
                InitialWeights.Load(initialization with { Path = saver.InitialWeights(initialization.Path, cancellationToken) }, state, logger, cancellationToken);
            }

            state.CompletedStep = 0;
        }
    }

    private Offer[] Offers(IPeerTransport transport, bool writes, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var offer = new Offer { CompletedStep = state.CompletedStep, Writes = writes ? 1 : 0 };
        Encoding.ASCII.GetBytes(state.CompletedStep < 0 ? "" : state.Digest(), offer.Digest);
        return transport.AllGather(offer, timeout, cancellationToken);
    }

    private struct Offer
    {
        public long CompletedStep;
        public long Writes;
        public DigestBytes Digest;

        public readonly bool Agrees(in Offer other) => CompletedStep == other.CompletedStep && DigestText == other.DigestText;

        public readonly string DigestText => Encoding.ASCII.GetString(Digest);
    }

    [InlineArray(64)]
    private struct DigestBytes
    {
        private byte first;
    }
}
