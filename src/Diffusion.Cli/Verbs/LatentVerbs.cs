using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Data;
using Diffusion.Evaluation.Latents;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>Data sets to latents and back: <c>dataset encode</c> and <c>dataset decode</c>.</summary>
internal static class LatentVerbs
{
    private delegate ConversionResult Conversion(DatasetMapping mapping, ScriptedAutoencoder autoencoder, IProgress<ImageProgress>? progress, CancellationToken cancellationToken);

    public static Command Encode() => Create("encode", "Encode RGB images to latents that train: 8 channels (means, standard deviations) at an eighth of the side, as .npy.", "Encoding", LatentConversion.Encode);

    public static Command Decode() => Create("decode", "Decode latents back to PNG images, from their means.", "Decoding", LatentConversion.Decode);

    /// <summary>The option that names the autoencoder.</summary>
    public static Option<string?> Autoencoder() => new("--vae") { Description = $"Autoencoder as TorchScript. {ScriptedAutoencoder.HowToGet}", HelpName = "FILE" };

    private static Command Create(string name, string description, string doing, Conversion convert)
    {
        var source = new Option<string>("--source") { Description = $"What to read: {ImageSources.Kinds}, or a packed folder", HelpName = "PATH", Required = true };
        var destination = new Option<string>("--dest") { Description = "Empty folder or .zip to write", HelpName = "PATH", Required = true };
        var autoencoder = Autoencoder();
        var batch = new Option<int>("--batch") { Description = "Images at once", HelpName = "INT", DefaultValueFactory = _ => 8 };
        var device = new Option<string>("--device") { Description = DeviceOption.Forms, HelpName = "NAME", DefaultValueFactory = _ => "auto" };
        var most = new Option<int?>("--max-images") { Description = "Stop after this many", HelpName = "INT" };
        var command = new Command(name, description) { source, destination, autoencoder, batch, device, most };
        command.SetAction((result, _) =>
        {
            var mapping = new DatasetMapping
            {
                Source = result.GetRequiredValue(source),
                Destination = result.GetRequiredValue(destination),
                Batch = result.GetValue(batch),
                MaxImages = result.GetValue(most),
            };
            using var interruption = Interruption.BySignals();
            using var module = ScriptedAutoencoder.Load(result.GetValue(autoencoder), DeviceOption.Read(result.GetValue(device)!));
            torch.set_num_threads(Environment.ProcessorCount);
            ConversionResult done;
            using (var progress = new ConsoleProgress(doing))
            {
                done = convert(mapping, module, progress, interruption.Asked);
            }

            Console.WriteLine($"{done.Written} images of {done.Shape} in {mapping.Destination}, {(done.LabelDim > 0 ? $"{done.LabelDim} classes" : "no labels")}");
            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }
}
