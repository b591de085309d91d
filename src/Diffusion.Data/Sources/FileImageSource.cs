namespace Diffusion.Data;

/// <summary>Image files of a folder or ZIP.</summary>
internal sealed class FileImageSource : IImageSource
{
    private readonly IFileStore store;
    private readonly string[] images;

    /// <summary>Takes over the store.</summary>
    public FileImageSource(IFileStore store, string name)
    {
        this.store = store;
        Name = name;
        try
        {
            images = [.. store.Names.Where(ImageDecoder.IsImage)];
            if (images.Length == 0)
            {
                throw new DatasetException($"{store.Path} holds no images: {store.Names.Count} files, none of which ends in {ImageDecoder.ReadableExtensions}. Give the folder or ZIP that holds the images.");
            }

            Labels = LabelFile.TableOf(store, images);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public string Name { get; }

    public int Count => images.Length;

    public LabelTable Labels { get; }

    public string NameOf(int index) => images[index];

    public DecodedImage Read(int index) => ImageDecoder.Decode(store.Read(images[index]), Path.GetExtension(images[index]), $"{images[index]} of {store.Path}");

    public void Dispose() => store.Dispose();
}
