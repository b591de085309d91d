using System.Globalization;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace Diffusion.Cli;

/// <summary>The one place that configures Serilog: a file per process in the run directory, and the console. Open until the process ends, so that what ends it is logged too.</summary>
internal sealed class ProcessLog
{
    private const string FileTemplate = "{Timestamp:yyyy-MM-dd HH:mm:ss.fff} {Level:u3} {SourceContext} {Message:lj} {Properties:j}{NewLine}{Exception}";
    private const string ConsoleTemplate = "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}";

    private ProcessLog(Logger logger)
    {
        Log.Logger = logger;
        Loggers = new SerilogLoggerFactory(logger);
    }

    public ILoggerFactory Loggers { get; }

    /// <param name="runDirectory">Where its logs folder is; null for no file.</param>
    /// <param name="process">Name of the file: coordinator, worker-1 ...</param>
    /// <param name="console">Whether the story is told on standard error as well; not where somebody else owns the screen.</param>
    public static ProcessLog Open(string? runDirectory, string process, bool console)
    {
        // The transport's own lines are of no interest until something is wrong with it.
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Is(Level())
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Grpc", LogEventLevel.Warning)
            .Enrich.FromLogContext()
            .Enrich.WithProperty("Process", process);
        if (runDirectory is not null)
        {
            configuration.WriteTo.File(Path.Combine(runDirectory, "logs", $"{process}.log"), outputTemplate: FileTemplate, formatProvider: CultureInfo.InvariantCulture, fileSizeLimitBytes: 64 << 20, rollOnFileSizeLimit: true, retainedFileCountLimit: 4, shared: false);
        }

        if (console)
        {
            configuration.WriteTo.Console(outputTemplate: ConsoleTemplate, formatProvider: CultureInfo.InvariantCulture, standardErrorFromLevel: LogEventLevel.Verbose);
        }

        return new ProcessLog(configuration.CreateLogger());
    }

    private static LogEventLevel Level() =>
        Enum.TryParse(Environment.GetEnvironmentVariable("DIFFUSION_LOG"), ignoreCase: true, out LogEventLevel level) ? level : LogEventLevel.Information;
}
