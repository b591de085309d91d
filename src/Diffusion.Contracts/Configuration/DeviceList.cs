using System.Globalization;

namespace Diffusion.Contracts.Configuration;

/// <summary>What a rank computes on.</summary>
public enum DeviceKind
{
    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>NVIDIA GPUs.</summary>
    Cuda,
}

/// <summary>The GPUs that a process can use.</summary>
/// <param name="Names">Name of each, in the order of their numbers.</param>
/// <param name="WhyNone">Why there is none, and the remedy: one or two sentences. Empty when there are some.</param>
public sealed record GpuInventory(IReadOnlyList<string> Names, string WhyNone);

/// <summary>The devices of a process, one rank each: the one reading of <c>--devices</c> and <c>--device</c>.</summary>
/// <param name="Kind">All devices of a process are of one kind.</param>
/// <param name="Numbers">Number of the GPU of each rank; for ranks on the processor, the rank's own.</param>
public sealed record DeviceList(DeviceKind Kind, IReadOnlyList<int> Numbers)
{
    /// <summary>How <c>--devices</c> is written, for help texts.</summary>
    public const string Forms = "auto (the GPUs there are, else the processor), cpu:N for N ranks on the processor, cuda for all GPUs, or some: cuda:0,cuda:1";

    private const int MaximumRanks = 256;
    private const string Remedy = "Write auto, cpu:N, cuda, or GPUs by number, e.g. cuda:0,cuda:1.";

    /// <summary>Number of devices, and of ranks.</summary>
    public int Count => Numbers.Count;

    /// <summary>libtorch's name of a rank's device: <c>cpu</c> or <c>cuda:1</c>.</summary>
    /// <param name="rank">Place in the list.</param>
    public string NameOf(int rank) => Kind == DeviceKind.Cpu ? "cpu" : string.Create(CultureInfo.InvariantCulture, $"cuda:{Numbers[rank]}");

    /// <summary>Reads a list of devices.</summary>
    /// <param name="option">The option, for the error.</param>
    /// <param name="text">Its value.</param>
    /// <param name="gpus">What is here; asked only when the answer matters, because looking takes time.</param>
    /// <exception cref="ConfigurationException">The text names no devices, devices of two kinds, one twice, or one that is not here.</exception>
    public static DeviceList Parse(string option, string text, Func<GpuInventory> gpus)
    {
        string[] parts = [.. text.Split(',').Select(part => part.Trim())];
        if (parts is ["auto"])
        {
            int found = gpus().Names.Count;
            return found > 0 ? new DeviceList(DeviceKind.Cuda, [.. Enumerable.Range(0, found)]) : Cpu(1);
        }

        var kinds = parts.Select(part => part.Split(':')[0]).Where(kind => !IsNumber(kind)).Distinct().ToArray();
        if (kinds.Contains("cpu") && kinds.Contains("cuda"))
        {
            throw new ConfigurationException($"{option} {text} mixes the processor and GPUs; all devices of a process are of one kind, for they are waited for together. Leave one kind out, or start a second worker for it.");
        }

        return kinds is ["cpu"] && parts.Length == 1 ? Cpu(RanksOf(option, text)) : kinds is ["cuda"] ? Gpus(option, text, parts, gpus()) : throw NotUnderstood(option, text);
    }

    /// <summary>Reads a single device: <c>auto</c>, <c>cpu</c>, <c>cuda</c> (the first GPU) or <c>cuda:N</c>.</summary>
    /// <param name="option">The option, for the error.</param>
    /// <param name="text">Its value.</param>
    /// <param name="gpus">What is here.</param>
    /// <exception cref="ConfigurationException">As for <see cref="Parse"/>, or the text names several.</exception>
    public static DeviceList ParseOne(string option, string text, Func<GpuInventory> gpus)
    {
        var list = Parse(option, text, gpus);
        return list.Count == 1 ? list
            : text is "cuda" or "auto" ? list with { Numbers = [list.Numbers[0]] }
            : throw new ConfigurationException($"{option} {text} names {list.Count} devices; this takes one. Write cpu, cuda or cuda:{list.Numbers[0]}.");
    }

    /// <summary>Each of several processes' part of the devices: GPUs are dealt out in order, because a GPU has one rank; every process gets all ranks of a processor.</summary>
    /// <param name="option">The option, for the error.</param>
    /// <param name="processes">Number of processes.</param>
    /// <exception cref="ConfigurationException">There are fewer GPUs than processes.</exception>
    public IReadOnlyList<DeviceList> Among(string option, int processes)
    {
        if (Kind == DeviceKind.Cpu)
        {
            return [.. Enumerable.Repeat(this, processes)];
        }

        return processes <= Count
            ? [.. Enumerable.Range(0, processes).Select(i => this with { Numbers = [.. Numbers.Skip(i * Count / processes).Take(((i + 1) * Count / processes) - (i * Count / processes))] })]
            : throw new ConfigurationException($"{option} asks for {processes} processes on {Count} {(Count == 1 ? "GPU" : "GPUs")}; each needs one of its own. Start {Count}; a process drives all its GPUs.");
    }

    /// <summary>The text that <see cref="Parse"/> reads back.</summary>
    public override string ToString() => Kind == DeviceKind.Cpu
        ? string.Create(CultureInfo.InvariantCulture, $"cpu:{Count}")
        : string.Join(',', Enumerable.Range(0, Count).Select(NameOf));

    private static DeviceList Cpu(int ranks) => new(DeviceKind.Cpu, [.. Enumerable.Range(0, ranks)]);

    private static int RanksOf(string option, string text)
    {
        string[] parts = text.Split(':');
        int count = 1;
        return parts.Length > 2 || (parts.Length == 2 && !TryNumber(parts[1], out count)) ? throw NotUnderstood(option, text)
            : count is >= 1 and <= MaximumRanks ? count
            : throw new ConfigurationException($"{option} {text} asks for {count} ranks on the processor; 1 to {MaximumRanks}. Write cpu:N, e.g. cpu:2.");
    }

    private static DeviceList Gpus(string option, string text, string[] parts, GpuInventory here)
    {
        if (here.Names.Count == 0)
        {
            throw new ConfigurationException($"{option} {text}: there is no GPU here. {here.WhyNone} Without one write cpu:N.");
        }

        if (parts is ["cuda"])
        {
            return new DeviceList(DeviceKind.Cuda, [.. Enumerable.Range(0, here.Names.Count)]);
        }

        var numbers = new List<int>();
        foreach (string part in parts)
        {
            // cuda:0,1 is taken for cuda:0,cuda:1.
            string number = part.StartsWith("cuda:", StringComparison.Ordinal) ? part["cuda:".Length..] : numbers.Count > 0 ? part : "";
            if (!TryNumber(number, out int gpu))
            {
                throw NotUnderstood(option, text);
            }

            if (gpu >= here.Names.Count)
            {
                throw new ConfigurationException($"{option} {text}: there is no cuda:{gpu}. Here {(here.Names.Count == 1 ? "is" : "are")} {string.Join(", ", here.Names.Select((name, i) => $"cuda:{i} ({name})"))}.");
            }

            if (numbers.Contains(gpu))
            {
                throw new ConfigurationException($"{option} {text} names cuda:{gpu} twice; a GPU has one rank. Name each once.");
            }

            numbers.Add(gpu);
        }

        return new DeviceList(DeviceKind.Cuda, numbers);
    }

    private static bool IsNumber(string text) => TryNumber(text, out _);

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static ConfigurationException NotUnderstood(string option, string text) => new($"{option} '{text}' is not understood. {Remedy}");
}
