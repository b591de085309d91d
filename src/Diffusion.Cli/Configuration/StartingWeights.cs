using Diffusion.Contracts.Configuration;
using Diffusion.Model;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Cli.Configuration;

/// <summary>The file that a run's weights start from, as the command line checks it before any process starts.</summary>
internal static class StartingWeights
{
    /// <summary>Fills in what identifies the file's tensors, so that every later start of the run means the same ones.</summary>
    /// <exception cref="ConfigurationException">The file is not there or cannot be read.</exception>
    public static RunConfig Identified(RunConfig config) => config.Initialization is { Path.Length: > 0, ContentId: null } start
        ? config with { Initialization = start with { ContentId = Reading(start.Path, null, file => file.ContentId()) } }
        : config;

    /// <summary>Refuses a file of another network. A run that has begun does not need the file any more, so one that is gone is left to the worker.</summary>
    /// <exception cref="ConfigurationException">Names or shapes differ.</exception>
    public static void RequireFit(RunConfig config, ImageShape images)
    {
        if (config.Initialization is not { } start || !File.Exists(start.Path))
        {
            return;
        }

        using var network = ModelParts.CreateNetwork(ModelOptions.Of(config, images));
        if (Reading(start.Path, [.. network.StateOrder.Select(tensor => tensor.Name)], file => network.Misfit(file.Shapes)) is { } differences)
        {
            throw new ConfigurationException($"initialization.path {start.Path} does not fit the run's network: {differences}. Give the network the options that the file's was made with, or leave --init-from out.");
        }
    }

    private static T Reading<T>(string path, string[]? names, Func<NetworkFile, T> read)
    {
        if (!File.Exists(path))
        {
            throw new ConfigurationException($"initialization.path {path} does not exist. Give a safetensors file: a snapshot of a run, or a published network's state dictionary saved as safetensors.");
        }

        try
        {
            using var file = NetworkFile.Open(path, names);
            return read(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"initialization.path: {e.Message}");
        }
    }
}
