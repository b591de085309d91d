using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Reconstruction;

/// <summary>A run of one tensor's elements within a chunk.</summary>
/// <param name="Index">Number of the tensor in the order of the outputs.</param>
/// <param name="First">First element of the tensor.</param>
/// <param name="At">Where it lies in the chunk, in elements.</param>
/// <param name="Count">How many elements.</param>
internal readonly record struct Piece(int Index, long First, int At, int Count);

/// <summary>How the network is cut, and where each input keeps its tensors.</summary>
internal sealed class ChunkPlan
{
    private readonly TensorEntry[][] entries;
    private readonly bool[] isBuffer;

    public ChunkPlan(IReadOnlyList<SnapshotSet.Item> inputs, ElementType wanted)
    {
        Wanted = wanted;
        Tensors = inputs[0].File.Tensors;
        entries = [.. inputs.Select(input => Tensors.Select(tensor => input.File.Entry(tensor.Name)).ToArray())];
        isBuffer = [.. Tensors.Select(tensor => inputs[0].Info.Buffers.Contains(tensor.Name))];
        LargestElement = entries.Max(tensors => tensors.Max(tensor => tensor.ElementType.ByteSize()));
        LargestOutput = Tensors.Max(tensor => OutputType(tensor).ByteSize());
    }

    /// <summary>In the order of the outputs, as the first input has them.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>What floats are stored as.</summary>
    public ElementType Wanted { get; }

    /// <summary>Bytes of the largest element of any input.</summary>
    public int LargestElement { get; }

    /// <summary>Bytes of the largest element of the outputs.</summary>
    public int LargestOutput { get; }

    public TensorEntry Entry(int input, Piece piece) => entries[input][piece.Index];

    public bool IsFloat(Piece piece) => Tensors[piece.Index].ElementType.IsFloat();

    /// <summary>Buffers are not averaged. Integers and booleans always are buffers.</summary>
    public bool IsBuffer(Piece piece) => isBuffer[piece.Index];

    public int OutputBytes(Piece piece) => piece.Count * OutputType(Tensors[piece.Index]).ByteSize();

    /// <summary>Cuts the network into chunks of at most <paramref name="elements"/>.</summary>
    public IEnumerable<List<Piece>> Chunks(int elements)
    {
        var chunk = new List<Piece>();
        int filled = 0;
        for (int index = 0; index < Tensors.Count; index++)
        {
            for (long first = 0; first < Tensors[index].Count;)
            {
                int count = (int)Math.Min(elements - filled, Tensors[index].Count - first);
                chunk.Add(new Piece(index, first, filled, count));
                first += count;
                filled += count;
                if (filled == elements)
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

    private ElementType OutputType(TensorEntry tensor) => tensor.ElementType.IsFloat() ? Wanted : tensor.ElementType;
}
