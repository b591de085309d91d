using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Native;
using Diffusion.Snapshots.Safetensors;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Training;

/// <summary>Starts a run with the weights and buffers of a file in place of the drawn ones.</summary>
internal static class InitialWeights
{
    private const int ChunkElements = 1 << 20;

    /// <summary>Fills weights and buffers from the file and starts the averages there.</summary>
    /// <exception cref="ConfigurationException">The file is not here, is damaged, is of another network, or holds other tensors than the run was started with.</exception>
    public static void Load(InitializationConfig initialization, ReplicaState state, ILogger logger, CancellationToken cancellationToken)
    {
        string path = initialization.Path;
        if (!File.Exists(path))
        {
            throw new ConfigurationException(
                $"initialization.path {path} does not exist on {Environment.MachineName}, whose worker starts the run. Put the file there; a place that all boxes see, such as the run's directory, serves whichever worker starts.");
        }

        try
        {
            using var file = NetworkFile.Open(path, [.. state.Network.StateOrder.Select(t => t.Name)]);
            Check(initialization, state, file, cancellationToken);
            Fill(state.Weights, file, cancellationToken);
            if (state.Buffers is { } buffers)
            {
                Fill(buffers, file, cancellationToken);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"initialization.path: {e.Message}");
        }

        state.StartAverages();
        state.IsNormalized = false;
        logger.LogInformation("Weights start from {Path}, content {ContentId}", path, initialization.ContentId);
    }

    private static void Check(InitializationConfig initialization, ReplicaState state, NetworkFile file, CancellationToken cancellationToken)
    {
        if (state.Network.Misfit(file.Shapes) is { } differences)
        {
            throw new ConfigurationException($"initialization.path {file.Path} does not fit the run's network: {differences}. Give the network the options that the file's was made with, or leave initialization out.");
        }

        if (initialization.ContentId is { } asked && file.ContentId(cancellationToken) is { } found && found != asked)
        {
            throw new ConfigurationException($"initialization.path {file.Path} holds tensors {found[..12]}, the run was started with {asked[..12]}. Restore that file, or start a new run from this one.");
        }
    }

    private static void Fill(Arena arena, NetworkFile file, CancellationToken cancellationToken)
    {
        using var host = HostArena.Of(arena, read: false);
        foreach (var slot in arena.Layout.Slots)
        {
            for (long done = 0; done < slot.Length; done += ChunkElements)
            {
                cancellationToken.ThrowIfCancellationRequested();
                file.ReadFloat32(slot.Name, done, host.Values.Span(slot.Offset + done, (int)Math.Min(ChunkElements, slot.Length - done)));
            }
        }

        host.WriteBack();
        if (RunSaver.FirstNonFinite(arena) is { } tensor)
        {
            throw new ConfigurationException($"initialization.path {file.Path}: {tensor} holds values that are not finite. Take weights of before they diverged.");
        }
    }
}
