using System.CommandLine;
using System.Globalization;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.Serving;
using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Library;
using Diffusion.Snapshots.Safetensors;
using Grpc.Core;

namespace Diffusion.Cli.Verbs;

/// <summary>Weights at any EMA length from a coordinator or <c>serve</c>; without a length, what there is. Needs no libtorch.</summary>
internal static class FetchVerb
{
    public static Command Create()
    {
        var from = new Argument<string>("HOST:PORT|RUN") { Description = "Address of a coordinator or of 'serve', or the directory of a run that trains" };
        var run = new Option<string>("--run") { Description = "Run, where several are served", HelpName = "NAME", DefaultValueFactory = _ => "" };
        var length = new Option<string?>("--length") { Description = "EMA length, a fraction of training time, e.g. 0.07 [default: list what is there]", HelpName = "F" };
        var at = new Option<string?>("--at") { Description = "Training time in images, that of a snapshot [default: the latest]", HelpName = "IMAGES" };
        var single = new Option<bool>("--fp32") { Description = "float32 instead of float16" };
        var output = new Option<string?>("--out") { Description = "File to write [default: phema-KKKKKKK-S.SSS.safetensors here]", HelpName = "FILE" };
        var command = new Command("fetch", "Fetch weights at any EMA length from a coordinator or from 'serve'; without --length, list its runs and snapshots.") { from, run, length, at, single, output };
        command.SetAction(async (result, _) =>
        {
            string address = RunConnection.AddressOf(result.GetRequiredValue(from))
                ?? throw new ConfigurationException($"No coordinator is at work in {result.GetRequiredValue(from)}. Serve it with '{Program.Shown} serve {result.GetRequiredValue(from)}', or use 'reconstruct'.");
            using var interruption = Interruption.BySignals();
            using var client = new SnapshotClient(address);
            if (result.GetValue(length) is not { } asked)
            {
                await ListAsync(client, result.GetValue(run)!, interruption.Asked);
                return ExitCode.Done;
            }

            double[] lengths = Lists.Numbers("--length", asked);
            var query = new WeightsQuery(
                result.GetValue(run)!,
                lengths.Length == 1 ? lengths[0] : throw new ConfigurationException($"--length {asked}: one length at a time."),
                result.GetValue(at) is { } images ? Images(images) : null,
                result.GetValue(single) ? ElementType.Float32 : ElementType.Float16);
            await FetchAsync(client, query, result.GetValue(output), interruption.Asked);
            return ExitCode.Done;
        });
        return command;
    }

    private static async Task ListAsync(SnapshotClient client, string run, CancellationToken cancellationToken)
    {
        var runs = await Reached(client, client.ListRunsAsync(cancellationToken));
        if (await client.FindHttpAsync(cancellationToken) is { } http)
        {
            Console.WriteLine($"also as plain HTTP: {http}");
        }

        foreach (var served in runs)
        {
            if (run.Length > 0 && run != served.Name && run != served.RunId)
            {
                continue;
            }

            Console.WriteLine(SnapshotText.Line(served));
            var list = await client.ListSnapshotsAsync(served.Name, cancellationToken);
            foreach (var time in list.Times)
            {
                Console.WriteLine($"  {time.ImagesSeen,12} images  {SnapshotText.Lengths(time.Tracked.Select(average => average.RelativeStd))}  {ByteCount.Format(time.Tracked.Max(average => average.Bytes))} each");
            }

            foreach (string refused in list.Refused)
            {
                Console.WriteLine($"  not served: {refused}");
            }
        }
    }

    private static async Task FetchAsync(SnapshotClient client, WeightsQuery query, string? output, CancellationToken cancellationToken)
    {
        var described = await Reached(client, client.DescribeAsync(query, cancellationToken));
        if (described.Warning.Length > 0)
        {
            Console.WriteLine($"note: {described.Warning}");
        }

        string path = output ?? SnapshotName.For(SnapshotName.PostHoc, described.ImagesSeen, described.RelativeStd).FileName;
        var start = TimeProvider.System.GetTimestamp();
        var fetched = await client.FetchAsync(query with { Run = described.Run, ImagesSeen = described.ImagesSeen }, path, progress: null, cancellationToken);
        string how = fetched.IsTracked ? "tracked in training" : string.Create(CultureInfo.InvariantCulture, $"from {described.InputCount} averages, profile reached to {described.ExpectedError:0.00 %}");
        Console.WriteLine($"{path}");
        Console.WriteLine($"{fetched.Run} at {fetched.ImagesSeen} images, length {SnapshotText.Lengths([fetched.RelativeStd])}, {how}; {ByteCount.Format(fetched.Bytes)} in {TimeProvider.System.GetElapsedTime(start).TotalSeconds:0.0} s, digest {fetched.ContentId[..12]}");
    }

    private static long Images(string text)
    {
        try
        {
            return ImageCount.Parse(text);
        }
        catch (FormatException e)
        {
            throw new ConfigurationException($"--at: {e.Message}");
        }
    }

    private static async Task<T> Reached<T>(SnapshotClient client, Task<T> answer)
    {
        try
        {
            return await answer;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded)
        {
            throw new VerbFailedException($"Nobody answers at {client.Address}. Is the coordinator or 'serve' running, and does it listen on an address that is reached from here (--bind)?");
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound or StatusCode.InvalidArgument)
        {
            throw new VerbFailedException(e.Status.Detail, ExitCode.Refused);
        }
    }
}
