namespace Diffusion.Worker.Training;

/// <summary>
/// The run's directory for a worker that does not see it. Files are made in a directory of this box first and sent from there, since their headers
/// are known last. Calls block: they are made on the saver's thread, and on the rank's own before it trains.
/// </summary>
internal interface IRunStorage
{
    /// <summary>Directory of this process for files on their way.</summary>
    string StagingDirectory { get; }

    /// <summary>Directory of this box for a state that can be sent to nobody any more. It stays.</summary>
    string RescueDirectory { get; }

    /// <summary>Whether a snapshot is in the run's directory.</summary>
    /// <exception cref="IOException">The coordinator did not answer; the same may be asked later.</exception>
    bool HasSnapshot(string folder, string fileName);

    /// <summary>Sends a snapshot; it is durable when this returns.</summary>
    /// <exception cref="IOException">It could not be sent, or the coordinator's disk refused; the same may be tried later.</exception>
    void SendSnapshot(string folder, string path);

    /// <summary>Sends a whole checkpoint; it is durable when this returns.</summary>
    /// <param name="directory">The checkpoint's directory, on this box.</param>
    /// <param name="imagesSeen">Its image count.</param>
    /// <exception cref="IOException">It could not be sent, or the coordinator's disk refused; the same may be tried later.</exception>
    void SendCheckpoint(string directory, long imagesSeen);

    /// <summary>Fetches the newest whole checkpoint of the run, if there is one.</summary>
    /// <param name="directory">Receives it below a checkpoint's name; its bytes are for the reader to verify.</param>
    /// <param name="cancellationToken">Ends fetching.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="IOException">It could not be fetched.</exception>
    bool FetchNewestCheckpoint(string directory, CancellationToken cancellationToken);

    /// <summary>Fetches the weights that the run starts from.</summary>
    /// <returns>Path of the copy; null when the coordinator has no such file.</returns>
    /// <exception cref="IOException">They could not be fetched.</exception>
    string? FetchInitialWeights(CancellationToken cancellationToken);
}
