using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Diffusion.Gpu;

/// <summary>NCCL between two processes, on one GPU if there is but one: both ways to add, and the death of a member.</summary>
/// <remarks>
/// NCCL refuses two ranks on one GPU unless they look like two boxes: each process gets an NCCL_HOSTID of its own, and the loopback interface between them. Their kernels take turns
/// on the GPU, so the times say nothing about speed.
/// </remarks>
/// <param name="start">Program and arguments of a member, to which the directory they meet in is added.</param>
internal sealed partial class NcclCheck(Func<string, ProcessStartInfo> start)
{
    private const int Steps = 40;
    private const int SigStop = 19;
    private const int LongStep = 1_000_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan LongestRelease = TimeSpan.FromSeconds(5);

    public IEnumerable<CheckResult> Run()
    {
        string directory = Directory.CreateTempSubdirectory("diffusion-nccl-").FullName;
        try
        {
            return Checks(directory);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private CheckResult[] Checks(string directory)
    {
        try
        {
            int generation = 0;
            Member[] two = [new Member(start(directory), 0), new Member(start(directory), 1)];
            using var first = two[0];
            using var second = two[1];
            var (alone, _) = Undisturbed(two[..1], ++generation, "exact");
            var (both, time) = Undisturbed(two, ++generation, "exact");
            var (fastOnce, fastTime) = Undisturbed(two, ++generation, "fast");
            var (fastAgain, _) = Undisturbed(two, ++generation, "fast");
            var (disturbed, released) = Disturbed(directory, ++generation, stopped: false);
            var (silenced, aborted) = Disturbed(directory, generation + 3, stopped: true);
            return
            [
                Equal("NCCL, 1 and 2 ranks, tree", alone, both, $"after {Steps} steps, {Milliseconds(time)} for two"),
                Equal("NCCL, 2 ranks twice, NCCL's own order", fastOnce, fastAgain, $"after {Steps} steps, {Milliseconds(fastTime)}"),
                Released("NCCL, kill -9 of one, the other released", released),
                Equal("NCCL, then one rank, then two again", alone, disturbed, "as undisturbed"),
                Released("NCCL, one silent, the other aborted", aborted),
                Equal("NCCL, then one rank, then two again", alone, silenced, "as undisturbed"),
            ];
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            return [new CheckResult("NCCL", Verdict.Failed, e.Message)];
        }
    }

    private static CheckResult Equal(string name, string one, string other, string more) => new(name, one == other ? Verdict.Passed : Verdict.Failed, $"{one} and {other} {more}");

    private static CheckResult Released(string name, TimeSpan time) => new(name, time <= LongestRelease ? Verdict.Passed : Verdict.Failed, $"after {Milliseconds(time)}, at most {Milliseconds(LongestRelease)}");

    private static string Milliseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms");

    private static (string Digest, TimeSpan Time) Undisturbed(Member[] members, int generation, string mode)
    {
        Array.ForEach(members, member => member.Order("forget"));
        Array.ForEach(members, member => member.Order($"generation {generation} {member.Rank} {members.Length} {Steps} {mode}"));
        Array.ForEach(members, member => member.Await("step 1 ", Patience));
        long started = Stopwatch.GetTimestamp();
        string[] digests = [.. members.Select(member => member.Await("done ", Patience)).Distinct()];
        return digests.Length == 1 ? (digests[0], Stopwatch.GetElapsedTime(started)) : throw new InvalidOperationException($"The ranks end with different states in {mode} mode: {string.Join(", ", digests)}.");
    }

    /// <summary>Two ranks, of which one is killed or stopped in the middle; the other alone; and two again, with a newcomer that gets the state.</summary>
    private (string Digest, TimeSpan Released) Disturbed(string directory, int generation, bool stopped)
    {
        const int LastSeen = 4;
        using var survivor = new Member(start(directory), 0);
        using var victim = new Member(start(directory), 1);
        survivor.Order($"generation {generation} 0 2 {LongStep} exact");
        victim.Order($"generation {generation} 1 2 {LongStep} exact");
        survivor.Await($"step {LastSeen} ", Patience);
        long started = Stopwatch.GetTimestamp();
        if (stopped)
        {
            victim.Stop();
        }
        else
        {
            victim.Kill();
        }

        survivor.Order("abort");
        survivor.Await("released ", Patience);
        var released = Stopwatch.GetElapsedTime(started);

        // It may have got further than was seen; the undisturbed run has every step's digest, but only the last is compared.
        int reached = int.Parse(survivor.LastStep, CultureInfo.InvariantCulture);
        if (reached + 2 >= Steps)
        {
            throw new InvalidOperationException($"The survivor made {reached} of {Steps} steps before the kill arrived; there is nothing left to compare. Run the check again.");
        }

        survivor.Order($"generation {generation + 1} 0 1 {reached + 2} exact");
        survivor.Await("done ", Patience);
        using var newcomer = new Member(start(directory), 1);
        survivor.Order($"generation {generation + 2} 0 2 {Steps} exact");
        newcomer.Order($"generation {generation + 2} 1 2 {Steps} exact");
        string end = survivor.Await("done ", Patience);
        string newcomersEnd = newcomer.Await("done ", Patience);
        return end == newcomersEnd
            ? (end, released)
            : throw new InvalidOperationException($"After the newcomer came the ranks end with {end} and {newcomersEnd}.");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    /// <summary>A process and what it says.</summary>
    private sealed class Member : IDisposable
    {
        private readonly Process process;
        private readonly BlockingCollection<string> lines = [];
        private readonly ConcurrentQueue<string> errors = new();

        public Member(ProcessStartInfo start, int rank)
        {
            Rank = rank;
            start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;

            // Two boxes with one GPU, as far as NCCL can see.
            foreach (var (name, value) in new[] { ("NCCL_HOSTID", $"member{rank}"), ("NCCL_SOCKET_IFNAME", "lo"), ("NCCL_IB_DISABLE", "1"), ("NCCL_NVLS_ENABLE", "0"), ("NCCL_MAX_CTAS", "2"), ("NCCL_ALGO", "Ring"), ("NCCL_PROTO", "Simple"), ("CUDA_MODULE_LOADING", "EAGER") })
            {
                start.Environment[name] = value;
            }

            process = Process.Start(start)!;
            process.OutputDataReceived += (_, e) =>
            {
                if (e.Data is not null)
                {
                    lines.Add(e.Data);
                }
            };
            process.ErrorDataReceived += (_, e) => errors.Enqueue(e.Data ?? "");
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public int Rank { get; }

        /// <summary>Number of the last step it told of.</summary>
        public string LastStep { get; private set; } = "0";

        public void Order(string line)
        {
            process.StandardInput.WriteLine(line);
            process.StandardInput.Flush();
        }

        /// <summary>What follows on the line that begins so.</summary>
        public string Await(string beginning, TimeSpan limit)
        {
            long started = Stopwatch.GetTimestamp();
            string last = "";
            while (Stopwatch.GetElapsedTime(started) < limit && !(process.HasExited && lines.Count == 0))
            {
                if (!lines.TryTake(out string? line, TimeSpan.FromMilliseconds(200)))
                {
                    continue;
                }

                last = line;
                if (line.StartsWith("step ", StringComparison.Ordinal))
                {
                    LastStep = line.Split(' ')[1];
                }

                if (line.StartsWith(beginning, StringComparison.Ordinal))
                {
                    return line[beginning.Length..];
                }
            }

            throw new TimeoutException($"Member {Rank} did not say '{beginning.Trim()}' ({(process.HasExited ? $"it ended with {process.ExitCode}" : $"within {limit.TotalSeconds:0} s")}); last: {last} {string.Join(' ', errors.TakeLast(5))}");
        }

        public void Stop() => _ = NcclCheck.Kill(process.Id, SigStop);

        public void Kill()
        {
            process.Kill();
            process.WaitForExit();
        }

        public void Dispose()
        {
            if (!process.HasExited)
            {
                Kill();
            }

            process.Dispose();
        }
    }
}
