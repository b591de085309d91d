namespace Diffusion.Data;

/// <summary>A data set cannot be used as it is. The message names the file, the rule it breaks and the remedy.</summary>
public sealed class DatasetException : Exception
{
    /// <summary>No message.</summary>
    public DatasetException()
    {
    }

    /// <summary>With a message.</summary>
    /// <param name="message">Value, rule, remedy.</param>
    public DatasetException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and the exception that revealed it.</summary>
    /// <param name="message">Value, rule, remedy.</param>
    /// <param name="innerException">What was met.</param>
    public DatasetException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
