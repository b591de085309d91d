namespace Diffusion.Coordinator.Services;

/// <summary>What every worker is told about the run.</summary>
/// <param name="RunId">Name of the run, unique.</param>
/// <param name="ConfigJson">Its configuration.</param>
/// <param name="RunDirectory">Its directory on the coordinator's machine.</param>
/// <param name="Token">Content of the token file: who can read it sees the same directory.</param>
internal sealed record RunIdentity(string RunId, string ConfigJson, string RunDirectory, string Token);
