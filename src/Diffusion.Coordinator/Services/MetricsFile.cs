using System.Text;
using System.Text.Json;

namespace Diffusion.Coordinator.Services;

/// <summary>The run directory's <c>metrics.jsonl</c>: one object a line, images ascending.</summary>
internal sealed class MetricsFile(string path) : IDisposable
{
    public const string FileName = "metrics.jsonl";

    private FileStream? stream;

    /// <summary>Images of the last whole line, so that a restarted run repeats none; -1 without one.</summary>
    public static long LastImages(string path)
    {
        if (!File.Exists(path))
        {
            return -1;
        }

        foreach (string line in File.ReadLines(path).Reverse())
        {
            try
            {
                using var json = JsonDocument.Parse(line);
                if (json.RootElement.TryGetProperty("images_seen", out var snake) && snake.TryGetInt64(out long images)
                    || json.RootElement.TryGetProperty("imagesSeen", out var camel) && camel.TryGetInt64(out images))
                {
                    return images;
                }
            }
            catch (JsonException)
            {
                // A line cut by a kill; the one before it counts.
            }
        }

        return -1;
    }

    public void Append(string json)
    {
        stream ??= Open();
        stream.Write(Encoding.UTF8.GetBytes(json + "\n"));
        stream.Flush();
    }

    public void Dispose() => stream?.Dispose();

    private FileStream Open()
    {
        var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        if (file.Length > 0)
        {
            file.Seek(-1, SeekOrigin.End);
            if (file.ReadByte() != '\n')
            {
                file.WriteByte((byte)'\n');
            }
        }

        file.Seek(0, SeekOrigin.End);
        return file;
    }
}
