using System.CommandLine;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;

namespace Diffusion.Cli.Verbs;

/// <summary>Asks a run to finish its step, save and end.</summary>
internal static class StopVerb
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN|HOST:PORT") { Description = "Run directory, or address of the coordinator" };
        var command = new Command("stop", "Ask a run to finish its step, save and end.") { run };
        command.SetAction(async (result, cancellationToken) =>
        {
            string asked = result.GetRequiredValue(run);
            string address = RunConnection.AddressOf(asked) ?? throw new ConfigurationException($"No coordinator is at work in {asked}; the run is not going on.");
            var answer = await RunConnection.TryCallAsync(address, (client, options) => client.StopRunAsync(new StopRunRequest { Reason = "stopped by 'diffusion stop'" }, options), cancellationToken);
            if (answer is null)
            {
                throw new VerbFailedException($"Nobody answers at {address}; the run is not going on.");
            }

            Console.WriteLine($"Asked. 'status {asked}' tells when it has ended.");
            return ExitCode.Done;
        });
        return command;
    }
}
