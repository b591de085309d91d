namespace Diffusion.Worker.Session;

/// <summary>What this process shows when it joins, the same at every join.</summary>
internal sealed record WorkerIdentity(string Name, IReadOnlyDictionary<string, string> Fingerprint, int Ranks, string DataAddress, string RunDirectoryToken, string RunId, double Share = 0);
