using System.Globalization;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Worker.Session;

/// <summary>The devices of a worker: one rank each.</summary>
internal sealed record Devices(string Kind, int Count)
{
    private const int MaximumRanks = 256;

    /// <exception cref="ConfigurationException">The text names no devices this program trains on.</exception>
    public static Devices Parse(string text)
    {
        string[] parts = text.Split(':');
        if (parts[0] != "cpu")
        {
            throw new ConfigurationException($"Devices '{text}' are not supported: only the processor is. Write cpu:N for N ranks, e.g. cpu:2.");
        }

        int count = 1;
        return parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out count)) || count is < 1 or > MaximumRanks
            ? throw new ConfigurationException($"Devices '{text}' are not understood. Write cpu:N with N from 1 to {MaximumRanks}, e.g. cpu:2.")
            : new Devices("cpu", count);
    }
}
