namespace Diffusion.Worker.Training;

/// <summary>The run cannot go on, on any worker: the message says at which image count and what to change.</summary>
internal sealed class TrainingFailedException(string message, Exception? inner = null) : Exception(message, inner);
