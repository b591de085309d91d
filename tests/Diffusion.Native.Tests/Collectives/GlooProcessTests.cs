using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Xunit.Abstractions;

namespace Diffusion.Native.Tests.Collectives;

/// <summary>Real processes, killed and stopped by the kernel in the middle of an all-reduce.</summary>
[Collection(RunsAlone.Name)]
public sealed partial class GlooProcessTests : IDisposable
{
    private const int SigKill = 9;
    private const int SigContinue = 18;
    private const int SigStop = 19;
    private readonly ITestOutputHelper output;
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-native-").FullName;
    private readonly List<Rank> ranks = [];

    public GlooProcessTests(ITestOutputHelper output) => this.output = output;

    [GlooFact]
    public void Processes_Undisturbed_GiveTheTreesBits()
    {
        Start(size: 3, deadlineMs: 10_000, steps: 5, survivors: "none");
        string expected = $"{RankProcess.ExpectedDigest():x16}";
        foreach (var rank in ranks)
        {
            Assert.Equal(0, rank.ExitCode());
            Assert.Equal(5, rank.Lines.Count(line => line.EndsWith(expected, StringComparison.Ordinal)));
        }
    }

    [GlooFact]
    public void Kill9_OneOfThree_SurvivorsThrowPeerLostAndTheNextGenerationWorks()
    {
        Start(size: 3, deadlineMs: 10_000, steps: 1_000_000, survivors: "0,2");
        ranks.ForEach(rank => rank.WaitFor("g1 step 3"));
        long killed = Stopwatch.GetTimestamp();
        Assert.Equal(0, kill(ranks[1].Process.Id, SigKill));
        foreach (var survivor in new[] { ranks[0], ranks[2] })
        {
            string failure = survivor.WaitFor("g1 failed");
            output.WriteLine($"{Stopwatch.GetElapsedTime(killed).TotalMilliseconds:0} ms after the kill: {failure}");
            Assert.Contains("failed PeerLost", failure, StringComparison.Ordinal);
            Assert.InRange(Stopwatch.GetElapsedTime(killed), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        }

        foreach (var survivor in new[] { ranks[0], ranks[2] })
        {
            Assert.EndsWith($"{RankProcess.ExpectedDigest():x16}", survivor.WaitFor("g2 step 2"), StringComparison.Ordinal);
            Assert.Equal(0, survivor.ExitCode());
        }
    }

    [GlooFact]
    public void SigStop_OneOfTwo_TheOtherTimesOutAtTheDeadline()
    {
        Start(size: 2, deadlineMs: 1200, steps: 1_000_000, survivors: "0");
        ranks.ForEach(rank => rank.WaitFor("g1 step 3"));
        Assert.Equal(0, kill(ranks[1].Process.Id, SigStop));
        string failure = ranks[0].WaitFor("g1 failed");
        output.WriteLine(failure);
        Assert.Contains("failed TimedOut peer 1", failure, StringComparison.Ordinal);
        Assert.InRange(int.Parse(AfterMilliseconds().Match(failure).Groups[1].Value, CultureInfo.InvariantCulture), 1150, 1700);
        Assert.Equal(0, ranks[0].ExitCode());

        // Woken up, the stopped rank finds its connections gone.
        Assert.Equal(0, kill(ranks[1].Process.Id, SigContinue));
        ranks[1].WaitFor("g1 failed");
    }

    public void Dispose()
    {
        ranks.ForEach(rank => rank.Dispose());
        Directory.Delete(directory, recursive: true);
    }

    private void Start(int size, int deadlineMs, int steps, string survivors)
    {
        for (int rank = 0; rank < size; rank++)
        {
            string[] arguments = ["exec", typeof(RankProcess).Assembly.Location, RankProcess.Verb, $"{rank}", $"{size}", directory, $"{deadlineMs}", $"{steps}", survivors];
            ranks.Add(new Rank(arguments));
        }
    }

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);

    [GeneratedRegex(@"after (\d+) ms")]
    private static partial Regex AfterMilliseconds();

    /// <summary>A rank and what it says.</summary>
    private sealed class Rank : IDisposable
    {
        private readonly BlockingCollection<string> incoming = [];

        public Rank(string[] arguments)
        {
            var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["DOTNET_TieredPGO"] = "0";
            Process = Process.Start(start)!;
            Process.OutputDataReceived += (_, e) => Take(e.Data);
            Process.ErrorDataReceived += (_, e) => Take(e.Data);
            Process.BeginOutputReadLine();
            Process.BeginErrorReadLine();
        }

        public Process Process { get; }

        public List<string> Lines { get; } = [];

        public string WaitFor(string beginning)
        {
            long end = Environment.TickCount64 + 15_000;
            while (incoming.TryTake(out string? line, Math.Max(1, (int)(end - Environment.TickCount64))))
            {
                Lines.Add(line);
                if (line.StartsWith(beginning, StringComparison.Ordinal))
                {
                    return line;
                }
            }

            throw new TimeoutException($"No line \"{beginning}\" within 15 s; last: {string.Join('\n', Lines.TakeLast(5))}");
        }

        public int ExitCode()
        {
            Assert.True(Process.WaitForExit(15_000), "A rank does not end.");
            Process.WaitForExit();
            while (incoming.TryTake(out string? line))
            {
                Lines.Add(line);
            }

            return Process.ExitCode;
        }

        public void Dispose()
        {
            if (!Process.HasExited)
            {
                Process.Kill();
                Process.WaitForExit(5000);
            }

            Process.Dispose();
            incoming.Dispose();
        }

        private void Take(string? line)
        {
            if (line is not null && !incoming.IsAddingCompleted)
            {
                incoming.Add(line);
            }
        }
    }
}
