namespace Diffusion.Data;

/// <summary>Which images of a data set take part: a random subset for training, a few kept apart for evaluation.</summary>
public static class ImageSelection
{
    /// <summary>The subset kept when a data set is limited to <paramref name="maxSize"/> images.</summary>
    /// <param name="count">Images available.</param>
    /// <param name="maxSize">Images wanted; at least <paramref name="count"/> keeps all.</param>
    /// <param name="seed">Seed of the choice, taken modulo 2³¹.</param>
    /// <returns>Indices in 0…<paramref name="count"/>−1, ascending.</returns>
    public static int[] Subset(int count, int maxSize, long seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSize, 1);
        if (maxSize >= count)
        {
            return Enumerable.Range(0, count).ToArray();
        }

        int[] chosen = new LegacyRandom((uint)(seed & 0x7fffffff)).Permutation(count)[..maxSize];
        Array.Sort(chosen);
        return chosen;
    }

    /// <summary>Images kept apart for evaluation, balanced over classes when there are any.</summary>
    /// <param name="count">Images available.</param>
    /// <param name="heldOut">Images to keep apart, 0…<paramref name="count"/>−1.</param>
    /// <param name="seed">Seed of the choice. It should not change within a project, so that no run trains on another's evaluation images.</param>
    /// <param name="classes">Class of every image, or empty.</param>
    /// <returns>Indices, ascending.</returns>
    /// <remarks>Rounds over the classes, one image of each, until enough are found: counts of two classes differ by at most one while both last.</remarks>
    public static int[] HeldOut(int count, int heldOut, long seed, ReadOnlySpan<long> classes)
    {
        if (heldOut < 0 || heldOut >= Math.Max(count, 1))
        {
            throw new ArgumentOutOfRangeException(nameof(heldOut), heldOut, $"Cannot keep {heldOut} of {count} images apart: at least one must remain for training.");
        }

        if (!classes.IsEmpty && classes.Length != count)
        {
            throw new ArgumentException($"{classes.Length} classes were given for {count} images.", nameof(classes));
        }

        var perClass = new SortedDictionary<long, Queue<int>>();
        foreach (int image in LegacyRandom.ForTuple(seed, HeldOutPurpose).Permutation(count))
        {
            long label = classes.IsEmpty ? 0 : classes[image];
            if (!perClass.TryGetValue(label, out Queue<int>? images))
            {
                perClass.Add(label, images = new Queue<int>());
            }

            images.Enqueue(image);
        }

        var chosen = new List<int>(heldOut);
        while (chosen.Count < heldOut)
        {
            foreach (Queue<int> images in perClass.Values)
            {
                if (chosen.Count < heldOut && images.TryDequeue(out int image))
                {
                    chosen.Add(image);
                }
            }
        }

        chosen.Sort();
        return [.. chosen];
    }

    // Keeps the choice independent of an epoch's order under the same seed.
    private const long HeldOutPurpose = 0x68656c64;
}
