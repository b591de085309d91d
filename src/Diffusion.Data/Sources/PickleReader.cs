using System.Buffers.Binary;

namespace Diffusion.Data;

/// <summary>
/// Reads the pickles of CIFAR-10: dictionaries, lists, tuples, strings, integers and NumPy arrays of bytes, nothing else.
/// It runs no code: the three global names that an array needs are markers, and every other name is refused.
/// </summary>
internal sealed class PickleReader(byte[] file, string name)
{
    private static readonly object Mark = new();
    private readonly List<object?> stack = [];
    private readonly Dictionary<int, object?> memo = [];
    private int position;

    /// <summary>An array of bytes, filled by the BUILD that follows its creation.</summary>
    public sealed class ByteArray
    {
        public byte[] Bytes { get; set; } = [];
    }

    private sealed record Global(string Name);

    private sealed record ByteType;

    public object? Read()
    {
        while (true)
        {
            byte code = Take(1)[0];
            if (code == (byte)'.')
            {
                return Pop();
            }

            Execute(code);
        }
    }

    private void Execute(byte code)
    {
        switch ((char)code)
        {
            case '\x80': // PROTO
                RequireProtocol(Take(1)[0]);
                break;
            case '(':
                stack.Add(Mark);
                break;
            case '}':
                stack.Add(new Dictionary<string, object?>());
                break;
            case ']':
                stack.Add(new List<object?>());
                break;
            case 'N':
                stack.Add(null);
                break;
            case '\x88':
                stack.Add(true);
                break;
            case '\x89':
                stack.Add(false);
                break;
            case 'K':
                stack.Add((long)Take(1)[0]);
                break;
            case 'M':
                stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
                break;
            case 'J':
                stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
                break;
            case 'U': // SHORT_BINSTRING
                stack.Add(Take(Take(1)[0]).ToArray());
                break;
            case 'T': // BINSTRING
            case 'X': // BINUNICODE
                stack.Add(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))).ToArray());
                break;
            case 'q':
                memo[Take(1)[0]] = stack.LastOrDefault();
                break;
            case 'r':
                memo[BinaryPrimitives.ReadInt32LittleEndian(Take(4))] = stack.LastOrDefault();
                break;
            case 'h':
                stack.Add(Recall(Take(1)[0]));
                break;
            case 'j':
                stack.Add(Recall(BinaryPrimitives.ReadInt32LittleEndian(Take(4))));
                break;
            case 'c':
                stack.Add(Known($"{Line()}.{Line()}"));
                break;
            case 't':
                stack.Add(PopToMark());
                break;
            case ')':
                stack.Add(Array.Empty<object?>());
                break;
            case '\x85':
                stack.Add(PopMany(1));
                break;
            case '\x86':
                stack.Add(PopMany(2));
                break;
            case '\x87':
                stack.Add(PopMany(3));
                break;
            case 'a':
                Append([Pop()]);
                break;
            case 'e':
                Append(PopToMark());
                break;
            case 's':
                SetItems(PopMany(2));
                break;
            case 'u':
                SetItems(PopToMark());
                break;
            case 'R':
                Reduce();
                break;
            case 'b':
                Build();
                break;
            default:
                throw Refused($"instruction 0x{code:x2} at byte {position - 1} is not one that CIFAR-10 needs");
        }
    }

    private void RequireProtocol(byte protocol)
    {
        if (protocol > 3)
        {
            throw Refused($"it is of pickle protocol {protocol}, the published files are of 2");
        }
    }

    private Global Known(string global) => global is "numpy.core.multiarray._reconstruct" or "numpy._core.multiarray._reconstruct" or "numpy.ndarray" or "numpy.dtype"
        ? new Global(global)
        : throw Refused($"it asks for '{global}', which is not part of an array of bytes; nothing of it was run");

    /// <summary>Applies one of the two known functions: an empty array, or the type of its values.</summary>
    private void Reduce()
    {
        object?[] arguments = Pop() as object?[] ?? throw Refused("a call has no arguments");
        var function = Pop() as Global;
        stack.Add(function?.Name switch
        {
            "numpy.dtype" when arguments.Length > 0 && Text(arguments[0]) == "u1" => new ByteType(),
            "numpy.dtype" => throw Refused($"an array holds values of type '{(arguments.Length > 0 ? Text(arguments[0]) : null)}', not bytes ('u1')"),
            "numpy.core.multiarray._reconstruct" or "numpy._core.multiarray._reconstruct" => new ByteArray(),
            _ => throw Refused("it calls something that is no function"),
        });
    }

    /// <summary>Fills an array from (version, shape, type, column-major?, content). The state of a type changes nothing for bytes.</summary>
    private void Build()
    {
        object? state = Pop();
        switch (stack.LastOrDefault())
        {
            case ByteArray array when state is object?[] { Length: 5 } parts && parts[1] is object?[] shape && parts[2] is ByteType && parts[3] is false && parts[4] is byte[] content:
                long elements = shape.Aggregate(1L, (product, side) => side is long value and >= 0 and <= int.MaxValue ? checked(product * value) : throw Refused("an array has no legal shape"));
                array.Bytes = elements == content.Length ? content : throw Refused($"an array of {elements} bytes holds {content.Length}");
                break;
            case ByteType:
                break;
            default:
                throw Refused("it fills something that is no row-major array of bytes");
        }
    }

    private void Append(object?[] items)
    {
        if (stack.LastOrDefault() is not List<object?> list)
        {
            throw Refused("it appends to what is no list");
        }

        list.AddRange(items);
    }

    private void SetItems(object?[] items)
    {
        if (stack.LastOrDefault() is not Dictionary<string, object?> dictionary || items.Length % 2 != 0)
        {
            throw Refused("it sets items of what is no dictionary");
        }

        for (int i = 0; i < items.Length; i += 2)
        {
            dictionary[Text(items[i]) ?? throw Refused("a key is no string")] = items[i + 1];
        }
    }

    private object? Recall(int slot) => memo.TryGetValue(slot, out object? value) ? value : throw Refused($"it recalls slot {slot}, which is empty");

    private object? Pop()
    {
        if (stack.Count == 0)
        {
            throw Refused("it takes from an empty stack");
        }

        object? top = stack[^1];
        stack.RemoveAt(stack.Count - 1);
        return top;
    }

    private object?[] PopMany(int count)
    {
        object?[] items = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            items[i] = Pop();
        }

        return items;
    }

    private object?[] PopToMark()
    {
        int mark = stack.LastIndexOf(Mark);
        if (mark < 0)
        {
            throw Refused("a mark is missing");
        }

        object?[] items = [.. stack.Skip(mark + 1)];
        stack.RemoveRange(mark, stack.Count - mark);
        return items;
    }

    private static string? Text(object? value) => value is byte[] bytes ? System.Text.Encoding.Latin1.GetString(bytes) : null;

    private string Line()
    {
        int end = Array.IndexOf(file, (byte)'\n', position);
        string line = System.Text.Encoding.Latin1.GetString(Take(end < 0 ? uint.MaxValue : (uint)(end - position)));
        position++;
        return line;
    }

    private ReadOnlySpan<byte> Take(uint count)
    {
        if (count > file.Length - position)
        {
            throw Refused($"it ends after {file.Length} bytes inside an instruction");
        }

        position += (int)count;
        return file.AsSpan(position - (int)count, (int)count);
    }

    private DatasetException Refused(string why) => new($"{name} cannot be read as a pickle: {why}. Download the archive again, or use cifar-10-binary.tar.gz.");
}
