using System.CommandLine;
using System.Text.Json.Nodes;
using Diffusion.Cli.Display;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;

namespace Diffusion.Cli.Verbs;

/// <summary>How a run stands, from its coordinator or, where none is at work, from its files.</summary>
internal static class StatusVerb
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN|HOST:PORT") { Description = "Run directory, or address of the coordinator" };
        var command = new Command("status", "Show how a run stands.") { run };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetRequiredValue(run), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string runOrAddress, CancellationToken cancellationToken)
    {
        if (RunConnection.AddressOf(runOrAddress) is { } address)
        {
            var answer = await RunConnection.TryCallAsync(address, (client, options) => client.GetRunAsync(new GetRunRequest(), options), cancellationToken);
            if (answer is not null)
            {
                Print(answer.Status, address);
                return ExitCode.Done;
            }

            if (!Directory.Exists(runOrAddress))
            {
                throw new VerbFailedException($"Nobody answers at {address}. Is the coordinator running, and does it listen on an address that is reached from here (coordinator --bind)?");
            }
        }

        PrintFiles(new RunDirectory(runOrAddress));
        return ExitCode.Done;
    }

    private static void Print(RunStatus status, string address)
    {
        Console.WriteLine($"run         {status.RunId}, {RunText.Phase(status.Phase)} ({status.Reason})");
        Console.WriteLine($"directory   {status.RunDirectory}, coordinator {address}, generation {status.Generation}");
        Console.WriteLine($"progress    {RunText.Progress(status)}, {RunText.Rate(status.ImagesPerSecond)}, ETA {RunText.Eta(status.EtaSeconds)}");
        Console.WriteLine($"loss        {RunText.Loss(status.Loss)}, learning rate {RunText.LearningRate(status.LearningRate)}");
        Console.WriteLine($"waiting     for data {RunText.Share(status.DataWaitShare)}, for gradients {RunText.Share(status.GradientWaitShare)}");
        Console.WriteLine($"saved       {status.Snapshots} snapshots, last at {RunText.LastSave(status.LastSnapshotImages)}; checkpoint {RunText.LastSave(status.LastCheckpointImages)}");
        foreach (var w in status.Workers)
        {
            Console.WriteLine($"worker      {w.Name}: {w.State}, {w.Ranks} ranks, {w.Shards} shards, {RunText.Rate(w.ImagesPerSecond)}, computes {RunText.Step(w.ComputeSeconds)} a step, waits {RunText.Share(w.DataWaitShare)} for data, {RunText.Share(w.GradientWaitShare)} for gradients, process {w.ProcessId}");
        }

        foreach (string alarm in status.Alarms)
        {
            Console.WriteLine($"ALARM       {alarm}");
        }
    }

    private static void PrintFiles(RunDirectory run)
    {
        var config = run.RequiredConfig();
        Console.WriteLine($"run         {run.Shown}, no coordinator at work");
        Console.WriteLine($"asked for   {ImageCount.Kimg(config.Training.DurationImages)} in batches of {config.Training.BatchSize}");
        if (File.Exists(run.MetricsFile) && File.ReadLines(run.MetricsFile).LastOrDefault(l => l.Length > 0) is { } line)
        {
            Console.WriteLine($"last metric {Short(line)}");
        }

        Console.WriteLine($"snapshots   {Count(run.Snapshots, "*.safetensors")}");
        Console.WriteLine($"checkpoints {(Directory.Exists(run.Checkpoints) ? string.Join(", ", Directory.EnumerateFileSystemEntries(run.Checkpoints, "checkpoint-*").Select(Path.GetFileName).Order(StringComparer.Ordinal).TakeLast(3)) : "none")}");
        Console.WriteLine($"continue    {Program.Shown} resume {run.Shown}");
    }

    private static int Count(string directory, string pattern) => Directory.Exists(directory) ? Directory.EnumerateFiles(directory, pattern).Count() : 0;

    // Metrics hold whole tables; the plain numbers are what a glance is for.
    private static string Short(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject json
                ? string.Join(", ", json.Where(p => p.Value is JsonValue).Take(8).Select(p => $"{p.Key} {p.Value!.ToJsonString()}"))
                : line;
        }
        catch (System.Text.Json.JsonException)
        {
            // A line being written while we read.
            return line;
        }
    }
}
