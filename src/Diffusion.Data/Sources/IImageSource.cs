namespace Diffusion.Data;

/// <summary>Images somewhere on disk, in their own format and order: a folder, a ZIP, a published archive.</summary>
/// <remarks><see cref="Read"/> may be called from several threads at once.</remarks>
public interface IImageSource : IDisposable
{
    /// <summary>Name of the data set: file name without directory and extension.</summary>
    string Name { get; }

    /// <summary>Number of images, at least 1.</summary>
    int Count { get; }

    /// <summary>Labels of all images.</summary>
    LabelTable Labels { get; }

    /// <summary>Name of an image, for messages and file names.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    string NameOf(int index);

    /// <summary>Reads and decodes an image.</summary>
    /// <param name="index">Image, 0…Count−1.</param>
    /// <exception cref="DatasetException">The image is damaged.</exception>
    DecodedImage Read(int index);
}
