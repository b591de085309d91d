namespace Diffusion.Data;

/// <summary>How images are labelled.</summary>
public enum LabelKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>By one class each, delivered one-hot.</summary>
    Class,

    /// <summary>By a vector of numbers each, delivered as it is.</summary>
    Vector,
}

/// <summary>Labels of all images of a data set.</summary>
public sealed class LabelTable
{
    private readonly long[] classes;
    private readonly float[] vectors;

    private LabelTable(LabelKind kind, int dimension, long[] classes, float[] vectors, IReadOnlyList<string> classNames)
    {
        Kind = kind;
        Dimension = dimension;
        this.classes = classes;
        this.vectors = vectors;
        ClassNames = classNames;
    }

    /// <summary>No labels; <see cref="Dimension"/> is 0.</summary>
    public static LabelTable None { get; } = new(LabelKind.None, 0, [], [], []);

    /// <summary>How images are labelled.</summary>
    public LabelKind Kind { get; }

    /// <summary>Length of a delivered label: largest class + 1, the vectors' length, or 0.</summary>
    public int Dimension { get; }

    /// <summary>Names of the classes where the source tells them, else empty.</summary>
    public IReadOnlyList<string> ClassNames { get; }

    /// <summary>Class of every image; empty unless <see cref="Kind"/> is <see cref="LabelKind.Class"/>.</summary>
    public ReadOnlySpan<long> Classes => classes;

    /// <summary>Vectors of all images one after the other; empty unless <see cref="Kind"/> is <see cref="LabelKind.Vector"/>.</summary>
    public ReadOnlySpan<float> Vectors => vectors;

    /// <summary>Labels that are one class per image.</summary>
    /// <param name="classes">Class of every image, at least 0.</param>
    /// <param name="classNames">Names, or empty.</param>
    /// <exception cref="DatasetException">A class is negative or absurdly large.</exception>
    public static LabelTable OfClasses(long[] classes, IReadOnlyList<string> classNames)
    {
        if (classes.Length == 0)
        {
            return None;
        }

        long smallest = classes.Min();
        long largest = classes.Max();
        const long Most = 1 << 20;
        if (smallest < 0 || largest >= Most)
        {
            throw new DatasetException($"Class labels run from {smallest} to {largest}; they must be 0 to {Most - 1}. Number the classes from 0 in dataset.json.");
        }

        return new LabelTable(LabelKind.Class, (int)largest + 1, classes, [], classNames);
    }

    /// <summary>Labels that are one vector per image.</summary>
    /// <param name="vectors">All vectors, one after the other.</param>
    /// <param name="dimension">Length of one vector, at least 1.</param>
    public static LabelTable OfVectors(float[] vectors, int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        return new LabelTable(LabelKind.Vector, dimension, [], vectors, []);
    }

    /// <summary>Writes the label that the network sees: one-hot, vector, or nothing.</summary>
    /// <param name="index">Image.</param>
    /// <param name="destination">Receives <see cref="Dimension"/> numbers.</param>
    public void CopyTo(int index, Span<float> destination)
    {
        switch (Kind)
        {
            case LabelKind.Class:
                destination[..Dimension].Clear();
                destination[(int)classes[index]] = 1f;
                break;
            case LabelKind.Vector:
                vectors.AsSpan(index * Dimension, Dimension).CopyTo(destination);
                break;
            case LabelKind.None:
            default:
                break;
        }
    }
}
