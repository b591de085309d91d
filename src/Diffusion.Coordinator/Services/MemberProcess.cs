using System.Net;
using Diffusion.Coordinator.Run;

namespace Diffusion.Coordinator.Services;

/// <summary>Looks whether members of an earlier start of the coordinator are still there, where that can be seen.</summary>
internal static class MemberProcess
{
    /// <summary>Members that are expected back although their process has ended.</summary>
    public static IEnumerable<WorkerState> Ended(IEnumerable<WorkerState> workers) => workers.Where(worker => worker.Stage == WorkerStage.Detached && IsOnThisBox(worker) && HasEnded(worker.ProcessId));

    /// <summary>Who exchanges gradients on loopback is here; of others nothing can be seen.</summary>
    private static bool IsOnThisBox(WorkerState worker) => IPAddress.TryParse(worker.DataAddress, out var address) && IPAddress.IsLoopback(address);

    /// <summary>Whether nothing runs under a number. Should another process have it by now, the member is waited for like one on another box.</summary>
    private static bool HasEnded(int processId)
    {
        const string processes = "/proc";
        if (processId <= 0 || !Directory.Exists(Path.Combine(processes, "self")))
        {
            return false;
        }

        try
        {
            // After the name in parentheses: Z is a process that has ended and was not waited for.
            string status = File.ReadAllText(Path.Combine(processes, FormattableString.Invariant($"{processId}"), "stat"));
            return status[(status.LastIndexOf(')') + 1)..].TrimStart() is ['Z' or 'X', ..];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
