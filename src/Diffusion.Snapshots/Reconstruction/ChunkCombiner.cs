using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>What one thread needs to make all outputs of a chunk: stored bytes of a few inputs, a converted tile of them, the sums.</summary>
/// <remarks>
/// All of it together stays within a second-level cache, which is why chunks are small: larger ones save system calls and lose more to
/// main memory, where every converted value would go and come back.
/// </remarks>
internal sealed class ChunkCombiner(IReadOnlyList<SnapshotSet.Item> inputs, IReadOnlyList<PlannedReconstruction> targets, float[][] coefficients, ChunkPlan plan, int elements)
{
    /// <summary>Inputs held at a time.</summary>
    public const int Group = 16;

    private readonly int usedInputs = targets.Max(target => target.InputCount);
    private readonly byte[][] stored = [.. Enumerable.Range(0, Group).Select(_ => new byte[elements * plan.LargestElement])];
    private readonly float[][] sums = [.. targets.Select(_ => new float[elements])];
    private readonly float[] tile = new float[Group * WeightedSum.Tile];

    /// <summary>Bytes one element of a chunk takes here.</summary>
    public static long BytesPerElement(int targetCount, ChunkPlan plan) => Group * plan.LargestElement + targetCount * sizeof(float);

    /// <summary>Makes a chunk of every output.</summary>
    /// <param name="chunk">Which.</param>
    /// <param name="outputs">One array per target for the bytes to store.</param>
    /// <returns>Bytes read.</returns>
    public long Combine(List<Piece> chunk, byte[][] outputs)
    {
        long read = 0;
        int length = chunk[^1].At + chunk[^1].Count;
        Array.ForEach(sums, sum => sum.AsSpan(0, length).Clear());
        for (int from = 0; from < usedInputs; from += Group)
        {
            int count = Math.Min(Group, usedInputs - from);
            for (int i = 0; i < count; i++)
            {
                read += Read(from + i, chunk, stored[i]);
            }

            foreach (var piece in chunk)
            {
                if (plan.IsBuffer(piece) && plan.IsFloat(piece))
                {
                    TakeBuffer(piece, from, count);
                }
                else if (plan.IsFloat(piece))
                {
                    Add(piece, from, count);
                }
            }
        }

        for (int target = 0; target < targets.Count; target++)
        {
            Store(target, chunk, outputs[target]);
        }

        return read;
    }

    private long Read(int input, List<Piece> chunk, byte[] destination)
    {
        long read = 0;
        foreach (var piece in chunk)
        {
            if (plan.IsFloat(piece))
            {
                var entry = plan.Entry(input, piece);
                var bytes = Bytes(entry, piece, destination);
                inputs[input].File.Read(entry, piece.First * entry.ElementType.ByteSize(), bytes);
                read += bytes.Length;
            }
        }

        return read;
    }

    private Span<byte> Bytes(TensorEntry entry, Piece piece, byte[] of)
        => of.AsSpan(piece.At * plan.LargestElement, piece.Count * entry.ElementType.ByteSize());

    private void Add(Piece piece, int from, int count)
    {
        for (int at = 0; at < piece.Count; at += WeightedSum.Tile)
        {
            int length = Math.Min(WeightedSum.Tile, piece.Count - at);
            for (int i = 0; i < count; i++)
            {
                var entry = plan.Entry(from + i, piece);
                int size = entry.ElementType.ByteSize();
                FloatConversion.ToFloat32(entry.ElementType, Bytes(entry, piece, stored[i]).Slice(at * size, length * size), tile.AsSpan(i * WeightedSum.Tile, length));
            }

            // Targets of one time use the same inputs and lie side by side.
            for (int target = 0; target < targets.Count;)
            {
                int alike = target;
                while (alike < targets.Count && targets[alike].InputCount == targets[target].InputCount)
                {
                    alike++;
                }

                int used = Math.Min(targets[target].InputCount - from, count);
                if (used > 0)
                {
                    WeightedSum.Add(sums.AsSpan(target, alike - target), piece.At + at, length, tile, coefficients.AsSpan(target, alike - target), from, used);
                }

                target = alike;
            }
        }
    }

    /// <summary>Each target takes the buffers of its last input.</summary>
    private void TakeBuffer(Piece piece, int from, int count)
    {
        for (int target = 0; target < targets.Count; target++)
        {
            int last = targets[target].InputCount - 1 - from;
            if (last >= 0 && last < count)
            {
                var entry = plan.Entry(from + last, piece);
                FloatConversion.ToFloat32(entry.ElementType, Bytes(entry, piece, stored[last]), sums[target].AsSpan(piece.At, piece.Count));
            }
        }
    }

    private void Store(int target, List<Piece> chunk, byte[] output)
    {
        int at = 0;
        foreach (var piece in chunk)
        {
            var bytes = output.AsSpan(at, plan.OutputBytes(piece));
            at += bytes.Length;
            if (plan.IsFloat(piece))
            {
                var values = sums[target].AsSpan(piece.At, piece.Count);
                FloatConversion.RequireFinite(plan.Wanted, values, plan.Tensors[piece.Index].Name);
                FloatConversion.FromFloat32(plan.Wanted, values, bytes);
            }
            else
            {
                // Integers and booleans are buffers too, and keep their type.
                int last = targets[target].InputCount - 1;
                var entry = plan.Entry(last, piece);
                inputs[last].File.Read(entry, piece.First * entry.ElementType.ByteSize(), bytes);
            }
        }
    }
}
