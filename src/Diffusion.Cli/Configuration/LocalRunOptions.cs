using System.CommandLine;
using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.Worker;

namespace Diffusion.Cli.Configuration;

/// <summary>How many processes of this machine take part in a run. None of it changes what is computed.</summary>
internal sealed record LocalRun
{
    /// <summary>Devices of each worker.</summary>
    public IReadOnlyList<DeviceList> Devices { get; init; } = [];

    public int? Port { get; init; }

    public bool NoReport { get; init; }

    public long SliceImages { get; init; }

    public double TimeoutScale { get; init; } = 1;
}

/// <summary>The options of <see cref="LocalRun"/>.</summary>
internal sealed class LocalRunOptions
{
    private readonly Option<int?> workers = new("--workers") { Description = "Worker processes on this machine [default: 2 on the processor, 1 for all GPUs]", HelpName = "N" };
    private readonly Option<string> devices = new("--devices") { Description = $"Devices to train on, a rank each; GPUs are dealt out among the workers: {DeviceList.Forms}", HelpName = "LIST", DefaultValueFactory = _ => "auto" };
    private readonly Option<int?> port = new("--port") { Description = "The coordinator's port [default: a free one]", HelpName = "PORT" };
    private readonly Option<bool> noReport = new("--no-report") { Description = "Stop after training, without sweep and samples" };
    private readonly Option<string?> slice = SliceOption.Create();
    private readonly Option<double> timeoutScale = new("--timeout-scale") { Description = "Factor on all waiting times, for slow machines", HelpName = "F", DefaultValueFactory = _ => 1 };

    public void AddTo(Command command)
    {
        command.Add(workers);
        command.Add(devices);
        command.Add(port);
        command.Add(noReport);
        command.Add(slice);
        command.Add(timeoutScale);
    }

    public LocalRun Read(ParseResult result)
    {
        var devicesHere = DeviceList.Parse("--devices", result.GetValue(devices)!, Accelerators.Inventory);
        int count = result.GetValue(workers) ?? (devicesHere.Kind == DeviceKind.Cpu ? 2 : 1);
        if (count is < 1 or > 64)
        {
            throw new ConfigurationException($"--workers is {count}; 1 to 64.");
        }

        var local = new LocalRun
        {
            Devices = devicesHere.Among("--workers", count),
            Port = result.GetValue(port),
            NoReport = result.GetValue(noReport),
            SliceImages = SliceOption.Read(slice, result),
            TimeoutScale = result.GetValue(timeoutScale),
        };
        string[] problems =
        [
            .. local.Port is null or (>= 0 and <= 65535) ? Array.Empty<string>() : [$"--port is {local.Port}; 1 to 65535, or leave it out for a free one."],
            .. local.TimeoutScale is >= 0.1 and <= 1000 ? Array.Empty<string>() : [string.Create(CultureInfo.InvariantCulture, $"--timeout-scale is {local.TimeoutScale}; 0.1 to 1000.")],
        ];
        return problems.Length == 0 ? local : throw new ConfigurationException(problems);
    }
}
