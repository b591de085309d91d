using System.CommandLine;
using System.Globalization;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Cli.Configuration;

/// <summary>How many processes of this machine take part in a run. None of it changes what is computed.</summary>
internal sealed record LocalRun
{
    public int Workers { get; init; } = 2;

    public string Devices { get; init; } = "cpu:1";

    public int? Port { get; init; }

    public bool NoReport { get; init; }

    public long SliceImages { get; init; }

    public double TimeoutScale { get; init; } = 1;
}

/// <summary>The options of <see cref="LocalRun"/>.</summary>
internal sealed class LocalRunOptions
{
    private readonly Option<int> workers = new("--workers") { Description = "Worker processes on this machine", HelpName = "N", DefaultValueFactory = _ => 2 };
    private readonly Option<string> devices = new("--devices") { Description = "Devices of each worker: cpu:N for N ranks on the CPU, or cuda:0,1", HelpName = "LIST", DefaultValueFactory = _ => "cpu:1" };
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
        var local = new LocalRun
        {
            Workers = result.GetValue(workers),
            Devices = result.GetValue(devices)!,
            Port = result.GetValue(port),
            NoReport = result.GetValue(noReport),
            SliceImages = SliceOption.Read(slice, result),
            TimeoutScale = result.GetValue(timeoutScale),
        };
        string[] problems =
        [
            .. local.Workers is >= 1 and <= 64 ? Array.Empty<string>() : [$"--workers is {local.Workers}; 1 to 64."],
            .. local.Port is null or (>= 0 and <= 65535) ? Array.Empty<string>() : [$"--port is {local.Port}; 1 to 65535, or leave it out for a free one."],
            .. local.TimeoutScale is >= 0.1 and <= 1000 ? Array.Empty<string>() : [string.Create(CultureInfo.InvariantCulture, $"--timeout-scale is {local.TimeoutScale}; 0.1 to 1000.")],
        ];
        return problems.Length == 0 ? local : throw new ConfigurationException(problems);
    }
}
