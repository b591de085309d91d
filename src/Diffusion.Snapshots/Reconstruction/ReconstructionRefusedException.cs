namespace Diffusion.Snapshots.Reconstruction;

/// <summary>The averages asked for cannot be made from the snapshots given. The message says what to change; nothing was written.</summary>
public sealed class ReconstructionRefusedException(string message) : InvalidOperationException(message);
