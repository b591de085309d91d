namespace Diffusion.Snapshots.Files;

/// <summary>A file could not be saved. What was there before under its name is untouched; the caller may try again later.</summary>
public sealed class SaveFailedException : IOException
{
    internal const int NoSpaceLeft = 28;
    private const int QuotaExceeded = 122;

    /// <summary>Creates the exception for one file.</summary>
    /// <param name="path">File or directory that was being saved.</param>
    /// <param name="action">What was tried, as a gerund: "writing", "renaming".</param>
    /// <param name="cause">What the system said.</param>
    public SaveFailedException(string path, string action, Exception cause)
        : base($"Saving '{path}' failed while {action}: {cause.Message} {Remedy(cause)}", cause)
    {
        Path = path;
        HResult = cause.HResult;
    }

    /// <summary>File or directory that was being saved.</summary>
    public string Path { get; }

    /// <summary>Whether the file system or the quota is full: trying again helps once space is freed.</summary>
    public bool IsDiskFull => InnerException is not null && IsFull(InnerException);

    private static bool IsFull(Exception cause) => cause.HResult is NoSpaceLeft or QuotaExceeded;

    private static string Remedy(Exception cause) => IsFull(cause)
        ? "The disk is full: free space or lower the retention; nothing half-written is visible and the previous file stays."
        : "Nothing half-written is visible and the previous file stays; check the disk and the permissions of the directory.";
}
