using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>
/// The one pass: chunks of the network are read from every snapshot in turn, added into the sums of all targets and stored, while the chunks
/// made before are hashed and appended to the outputs. Files are read, not mapped, so what is resident is the buffers alone.
/// </summary>
internal sealed class StreamingCombination : IDisposable
{
    private const int MinChunk = 4 * WeightedSum.Tile;
    private const int MaxChunk = 64 * WeightedSum.Tile;

    /// <summary>Chunks per thread between two meetings of all threads: enough that none waits long for the last.</summary>
    private const int ChunksPerThread = 4;

    private readonly IReadOnlyList<SafetensorsWriter> writers;
    private readonly IProgress<ReconstructionProgress>? progress;
    private readonly ChunkPlan plan;
    private readonly int chunkElements;
    private readonly ChunkCombiner[] combiners;
    private readonly ParallelSha256[] hashes;
    private readonly long totalBytes;
    private Round filling;
    private Round draining;
    private long bytesRead;

    public StreamingCombination(
        IReadOnlyList<SnapshotSet.Item> inputs,
        IReadOnlyList<PlannedReconstruction> targets,
        IReadOnlyList<SafetensorsWriter> writers,
        ReconstructionOptions options,
        IProgress<ReconstructionProgress>? progress)
    {
        this.writers = writers;
        this.progress = progress;
        plan = new ChunkPlan(inputs, options.ElementType);

        int threads = Math.Max(1, options.Threads);
        int chunks = threads * ChunksPerThread;
        long perElement = threads * ChunkCombiner.BytesPerElement(targets.Count, plan) + 2L * chunks * targets.Count * plan.LargestOutput;
        long fitting = options.MemoryBytes / perElement / WeightedSum.Tile * WeightedSum.Tile;
        chunkElements = (int)Math.Clamp(fitting, MinChunk, MaxChunk);
        filling = new Round(chunks, targets.Count, chunkElements * plan.LargestOutput);
        draining = new Round(chunks, targets.Count, chunkElements * plan.LargestOutput);

        float[][] coefficients = [.. targets.Select(target => target.Solution.Coefficients.Select(value => (float)value).ToArray())];
        combiners = [.. Enumerable.Range(0, threads).Select(_ => new ChunkCombiner(inputs, targets, coefficients, plan, chunkElements))];
        hashes = [.. writers.Chunk(ParallelSha256.Lanes).Select(group => new ParallelSha256(group.Length))];
        int usedInputs = targets.Max(target => target.InputCount);
        totalBytes = inputs.Take(usedInputs).Sum(input => input.File.Tensors.Where(tensor => tensor.ElementType.IsFloat()).Sum(tensor => tensor.Length));
    }

    /// <summary>Appends all data to the writers.</summary>
    /// <returns>SHA-256 of the data of each, for <see cref="SafetensorsWriter.Complete(string)"/>.</returns>
    public IReadOnlyList<string> Run(CancellationToken cancellationToken)
    {
        foreach (var chunks in plan.Chunks(chunkElements).Chunk(filling.Capacity))
        {
            cancellationToken.ThrowIfCancellationRequested();
            filling.Chunks = chunks;
            Step();
            (filling, draining) = (draining, filling);
            progress?.Report(new ReconstructionProgress(Interlocked.Read(ref bytesRead), totalBytes));
        }

        filling.Chunks = [];
        Step();
        return [.. hashes.SelectMany(hash => hash.Finish())];
    }

    public void Dispose() => Array.ForEach(hashes, hash => hash.Dispose());

    /// <summary>Fills one round and drains the other. What is one long chain, the hashes, starts first.</summary>
    private void Step()
    {
        int hashEnd = draining.Chunks.Length == 0 ? 0 : hashes.Length;
        int writeEnd = draining.Chunks.Length == 0 ? 0 : hashEnd + writers.Count;
        int end = writeEnd + filling.Chunks.Length;
        int next = 0;
        OnAllThreads(thread =>
        {
            for (int item = Interlocked.Increment(ref next) - 1; item < end; item = Interlocked.Increment(ref next) - 1)
            {
                if (item < hashEnd)
                {
                    Hash(item);
                }
                else if (item < writeEnd)
                {
                    Write(item - hashEnd);
                }
                else
                {
                    int chunk = item - writeEnd;
                    Interlocked.Add(ref bytesRead, combiners[thread].Combine(filling.Chunks[chunk], filling.Bytes[chunk]));
                }
            }
        });
    }

    /// <summary>Lets the first failure out as it is, not wrapped.</summary>
    private void OnAllThreads(Action<int> body)
    {
        try
        {
            Parallel.For(0, combiners.Length, new ParallelOptions { MaxDegreeOfParallelism = combiners.Length }, body);
        }
        catch (AggregateException failures)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    private void Hash(int group)
    {
        int first = group * ParallelSha256.Lanes;
        int count = Math.Min(ParallelSha256.Lanes, writers.Count - first);
        for (int chunk = 0; chunk < draining.Chunks.Length; chunk++)
        {
            hashes[group].Append(draining.Bytes[chunk].AsSpan(first, count), Length(chunk));
        }
    }

    private void Write(int target)
    {
        for (int chunk = 0; chunk < draining.Chunks.Length; chunk++)
        {
            writers[target].WriteUnhashed(draining.Bytes[chunk][target].AsSpan(0, Length(chunk)));
        }
    }

    private int Length(int chunk) => draining.Chunks[chunk].Sum(plan.OutputBytes);

    /// <summary>Chunks of the network and the bytes of all outputs for each.</summary>
    private sealed class Round(int capacity, int targets, int bytes)
    {
        public int Capacity => capacity;

        public List<Piece>[] Chunks { get; set; } = [];

        /// <summary>By chunk and target.</summary>
        public byte[][][] Bytes { get; } = [.. Enumerable.Range(0, capacity).Select(_ => Enumerable.Range(0, targets).Select(_ => new byte[bytes]).ToArray())];
    }
}
