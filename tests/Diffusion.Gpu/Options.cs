using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Worker;

namespace Diffusion.Gpu;

/// <summary>Values by name: <c>--device cuda --steps 20</c>.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> values;

    public Options(IEnumerable<string> arguments)
    {
        var pairs = arguments.Chunk(2).ToArray();
        values = pairs.All(pair => pair.Length == 2 && pair[0].StartsWith("--", StringComparison.Ordinal))
            ? pairs.ToDictionary(pair => pair[0][2..], pair => pair[1])
            : throw new ConfigurationException("Options are --KEY VALUE, each with a value.");
    }

    /// <summary>libtorch's name of the device to check.</summary>
    public string Device => DeviceList.ParseOne("--device", this["device", "auto"], Accelerators.Inventory).NameOf(0);

    public string this[string name, string otherwise] => values.GetValueOrDefault(name, otherwise);

    public int Number(string name, int otherwise) => !values.TryGetValue(name, out string? text) ? otherwise
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0 ? number
        : throw new ConfigurationException($"--{name} {text} is no positive number.");

    /// <summary>Number formats by their names here: fp32, bf16, fp16.</summary>
    public IReadOnlyList<ComputePrecision> Precisions => [.. this["precision", "fp32,bf16,fp16"].Split(',').Select(name => Formats.FirstOrDefault(f => f.Name == name) is { Name: not null } found
        ? found.Precision
        : throw new ConfigurationException($"--precision {name}: fp32, bf16 or fp16, separated by commas."))];

    public static string NameOf(ComputePrecision precision) => Formats.First(f => f.Precision == precision).Name;

    private static readonly (string Name, ComputePrecision Precision)[] Formats = [("fp32", ComputePrecision.Float32), ("bf16", ComputePrecision.BFloat16), ("fp16", ComputePrecision.Float16)];
}
