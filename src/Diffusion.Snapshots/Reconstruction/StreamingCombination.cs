using System.Buffers;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>
/// The one pass: stretches of the network, a chunk per thread, are read from every snapshot in turn, added into the sums of all targets, and
/// appended to all outputs. Files are read, not mapped, so what is resident is the buffers alone.
/// </summary>
internal sealed class StreamingCombination
{
    /// <summary>Inputs held at a time; sums are touched once per four of them.</summary>
    private const int Group = 8;
    private const int MinChunk = WeightedSum.Tile;
    private const int MaxChunk = 64 * WeightedSum.Tile;

    private readonly IReadOnlyList<SnapshotSet.Item> inputs;
    private readonly IReadOnlyList<PlannedReconstruction> targets;
    private readonly IReadOnlyList<SafetensorsWriter> writers;
    private readonly float[][] coefficients;
    private readonly IProgress<ReconstructionProgress>? progress;
    private readonly ElementType elementType;
    private readonly int usedInputs;
    private readonly int chunkElements;
    private readonly Worker[] workers;
    private readonly HashSet<string> buffers;
    private readonly long totalBytes;
    private long bytesRead;

    public StreamingCombination(
        IReadOnlyList<SnapshotSet.Item> inputs,
        IReadOnlyList<PlannedReconstruction> targets,
        IReadOnlyList<SafetensorsWriter> writers,
        ReconstructionOptions options,
        IProgress<ReconstructionProgress>? progress)
    {
        this.inputs = inputs;
        this.targets = targets;
        this.writers = writers;
        this.progress = progress;
        elementType = options.ElementType;
        usedInputs = targets.Max(target => target.InputCount);
        coefficients = [.. targets.Select(target => target.Solution.Coefficients.Select(value => (float)value).ToArray())];
        buffers = inputs[0].Info.Buffers.ToHashSet(StringComparer.Ordinal);

        int threads = Math.Max(1, options.Threads);
        long perElement = (long)threads * (Group + targets.Count) * sizeof(float);
        long fitting = options.MemoryBytes / perElement / WeightedSum.Tile * WeightedSum.Tile;
        chunkElements = (int)Math.Clamp(fitting, MinChunk, MaxChunk);
        workers = [.. Enumerable.Range(0, threads).Select(_ => new Worker(chunkElements, targets.Count))];
        totalBytes = inputs.Take(usedInputs).Sum(input => input.File.Tensors.Where(tensor => tensor.ElementType.IsFloat()).Sum(tensor => tensor.Length));
    }

    public void Run(CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { CancellationToken = cancellationToken, MaxDegreeOfParallelism = workers.Length };
        foreach (var stretch in Chunks().Chunk(workers.Length))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Each(parallel, stretch.Length, i => Combine(workers[i], stretch[i]));
            Each(parallel, targets.Count, target =>
            {
                for (int i = 0; i < stretch.Length; i++)
                {
                    Append(target, stretch[i], workers[i].Sums[target]);
                }
            });
            progress?.Report(new ReconstructionProgress(Interlocked.Read(ref bytesRead), totalBytes));
        }
    }

    /// <summary>Runs in parallel and lets the first failure out as it is, not wrapped.</summary>
    private static void Each(ParallelOptions parallel, int count, Action<int> body)
    {
        try
        {
            Parallel.For(0, count, parallel, body);
        }
        catch (AggregateException failures)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failures.InnerExceptions[0]);
        }
    }

    /// <summary>Cuts the network, in the order of the outputs' tensors, into chunks of at most <see cref="chunkElements"/>.</summary>
    private IEnumerable<List<Piece>> Chunks()
    {
        var chunk = new List<Piece>();
        int filled = 0;
        foreach (var tensor in inputs[0].File.Tensors)
        {
            for (long first = 0; first < tensor.Count;)
            {
                int count = (int)Math.Min(chunkElements - filled, tensor.Count - first);
                chunk.Add(new Piece(tensor, buffers.Contains(tensor.Name), first, filled, count));
                first += count;
                filled += count;
                if (filled == chunkElements)
                {
                    yield return chunk;
                    chunk = [];
                    filled = 0;
                }
            }
        }

        if (chunk.Count > 0)
        {
            yield return chunk;
        }
    }

    private void Combine(Worker worker, List<Piece> chunk)
    {
        int length = chunk[^1].At + chunk[^1].Count;
        foreach (float[] sum in worker.Sums)
        {
            sum.AsSpan(0, length).Clear();
        }

        for (int from = 0; from < usedInputs; from += Group)
        {
            int count = Math.Min(Group, usedInputs - from);
            for (int i = 0; i < count; i++)
            {
                Read(inputs[from + i].File, chunk, worker.Group[i]);
            }

            AddGroup(worker, from, count, length);
            CopyBuffers(worker, from, count, chunk);
        }
    }

    private void Read(SafetensorsFile file, List<Piece> chunk, float[] destination)
    {
        foreach (var piece in chunk.Where(piece => piece.IsFloat))
        {
            var entry = file.Entry(piece.Tensor.Name);
            file.ReadFloat32(entry, piece.First, destination.AsSpan(piece.At, piece.Count));
            Interlocked.Add(ref bytesRead, (long)piece.Count * entry.ElementType.ByteSize());
        }
    }

    private void AddGroup(Worker worker, int from, int count, int length)
    {
        for (int tile = 0; tile < length; tile += WeightedSum.Tile)
        {
            int size = Math.Min(WeightedSum.Tile, length - tile);
            for (int target = 0; target < targets.Count; target++)
            {
                int used = Math.Clamp(targets[target].InputCount - from, 0, count);
                WeightedSum.Add(worker.Sums[target].AsSpan(tile, size), worker.Group, tile, coefficients[target].AsSpan(Math.Min(from, coefficients[target].Length), used));
            }
        }
    }

    /// <summary>Buffers are not averaged: each target takes those of its last input.</summary>
    private void CopyBuffers(Worker worker, int from, int count, List<Piece> chunk)
    {
        for (int target = 0; target < targets.Count; target++)
        {
            int last = targets[target].InputCount - 1 - from;
            if (last < 0 || last >= count)
            {
                continue;
            }

            foreach (var piece in chunk.Where(piece => piece.IsBuffer && piece.IsFloat))
            {
                worker.Group[last].AsSpan(piece.At, piece.Count).CopyTo(worker.Sums[target].AsSpan(piece.At));
            }
        }
    }

    private void Append(int target, List<Piece> chunk, float[] sum)
    {
        foreach (var piece in chunk)
        {
            if (piece.IsFloat)
            {
                var values = sum.AsSpan(piece.At, piece.Count);
                FloatConversion.RequireFinite(elementType, values, piece.Tensor.Name);
                writers[target].WriteFloat32(values);
            }
            else
            {
                AppendRaw(target, piece);
            }
        }
    }

    /// <summary>Integers and booleans are buffers too, and keep their type.</summary>
    private void AppendRaw(int target, Piece piece)
    {
        var file = inputs[targets[target].InputCount - 1].File;
        var entry = file.Entry(piece.Tensor.Name);
        int size = entry.ElementType.ByteSize();
        byte[] bytes = ArrayPool<byte>.Shared.Rent(piece.Count * size);
        try
        {
            var part = bytes.AsSpan(0, piece.Count * size);
            file.Read(entry, piece.First * size, part);
            writers[target].Write(part);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>A run of one tensor's elements within a chunk.</summary>
    private readonly record struct Piece(TensorEntry Tensor, bool IsBuffer, long First, int At, int Count)
    {
        public bool IsFloat => Tensor.ElementType.IsFloat();
    }

    private sealed class Worker(int elements, int targets)
    {
        // Zeroed and kept zero where pieces are not floats, so that sums over them stay harmless.
        public float[][] Group { get; } = [.. Enumerable.Range(0, StreamingCombination.Group).Select(_ => new float[elements])];

        public float[][] Sums { get; } = [.. Enumerable.Range(0, targets).Select(_ => new float[elements])];
    }
}
