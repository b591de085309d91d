using System.Text.Json;
using Diffusion.Data;

namespace Diffusion.Gpu;

/// <summary>Images for checks, made anew in the system's temporary directory and removed.</summary>
internal sealed class CheckData : IDisposable
{
    private const int Seed = 1;
    private readonly string root = Directory.CreateTempSubdirectory("diffusion-gpu-").FullName;

    private CheckData()
    {
    }

    public PackedDataset Images { get; private set; } = null!;

    /// <summary>Drawings of shapes.</summary>
    public static CheckData Shapes(int count, int resolution)
    {
        var data = new CheckData();
        ShapesDataset.Write(Path.Combine(data.root, "images"), new ShapesOptions { Count = count, Resolution = resolution }, null, CancellationToken.None);
        return data.Open();
    }

    /// <summary>Latents of normal numbers, as ImageNet's are stored: eight channels of 64 x 64, in so many classes.</summary>
    public static CheckData Latents(int count, int classes)
    {
        var data = new CheckData();
        var random = new Random(Seed);
        var shape = new ImageShape(8, 64, 64);
        var labels = new List<object[]>();
        string folder = Path.Combine(data.root, "images");
        Directory.CreateDirectory(folder);
        float[] values = new float[shape.Elements];
        for (int i = 0; i < count; i++)
        {
            for (int v = 0; v < values.Length; v++)
            {
                // Means are spread like those of stored latents, deviations are small and positive.
                double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                values[v] = v < values.Length / 2 ? (float)(4 * normal) : (float)(0.05 * Math.Abs(normal));
            }

            // The last class must be there, for labels are as many as the highest.
            string name = $"{i:D6}.npy";
            File.WriteAllBytes(Path.Combine(folder, name), NpyWriter.Encode(values, shape));
            labels.Add([name, i == 0 ? classes - 1 : random.Next(classes)]);
        }

        File.WriteAllText(Path.Combine(folder, "dataset.json"), JsonSerializer.Serialize(new { labels }));

        return data.Open();
    }

    public void Dispose()
    {
        Images?.Dispose();
        Directory.Delete(root, recursive: true);
    }

    private CheckData Open()
    {
        Images = new DatasetCache(Path.Combine(root, "packed")).Open(Path.Combine(root, "images"), null, CancellationToken.None);
        return this;
    }
}
