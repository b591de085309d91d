namespace Diffusion.Contracts.Configuration;

/// <summary>Where things are kept that can be made again: below XDG_CACHE_HOME, or ~/.cache.</summary>
public static class UserCache
{
    /// <summary>Directory of one kind of things.</summary>
    /// <param name="kind">datasets, weights.</param>
    public static string DirectoryOf(string kind)
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string root = string.IsNullOrEmpty(cache) ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache") : cache;
        return Path.Combine(root, "diffusion-distributed", kind);
    }
}
