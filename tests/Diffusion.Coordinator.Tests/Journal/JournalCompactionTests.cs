using Diffusion.Coordinator.Journal;
using Diffusion.Coordinator.Run;
using Diffusion.Coordinator.Tests.Run;
using Diffusion.Snapshots.Journal;
using Xunit.Abstractions;

namespace Diffusion.Coordinator.Tests.Journal;

/// <summary>A compacted journal means what the long one meant, and is there at every moment.</summary>
public sealed class JournalCompactionTests(ITestOutputHelper output) : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-journal-").FullName;

    [Fact]
    public void Compact_AtEveryMomentOfRandomRuns_RestoresTheSameState()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        for (int i = 0; i < 40; i++)
        {
            var random = new Random(seed + i);
            var run = Lived(random, out var settings);
            for (int length = 0; length <= run.Count; length += 1 + random.Next(4))
            {
                var whole = run.Take(length).ToArray();
                string expected = Text(RunReplay.Restore(settings, whole, Scenario.Start));
                string compacted = Text(RunReplay.Restore(settings, JournalCompaction.Compact(whole), Scenario.Start));
                Assert.True(expected == compacted, $"seed {seed + i}, {length} entries:\n{expected}\ninstead:\n{compacted}");
            }
        }
    }

    [Fact]
    public void Append_LongRun_FileStaysSmallAndMeansTheSame()
    {
        using (var journal = RunJournal.Open(directory, fewEntries: 64))
        {
            journal.Append(new RunCreated("run", "digest"));
            for (int i = 1; i <= 500; i++)
            {
                journal.Append(new ImagesCounted(i));
            }

            Assert.InRange(journal.Count, 1, 64);
        }

        using var again = RunJournal.Open(directory);
        Assert.Equal("run", Assert.Single(again.Entries.OfType<RunCreated>()).RunId);
        Assert.Equal(500, again.Entries.OfType<ImagesCounted>().Last().ImagesSeen);
    }

    [Fact]
    public void Open_KilledWhileReplacing_FindsTheOldJournalWhole()
    {
        string path = Path.Combine(directory, RunJournal.FileName);
        using (var journal = RunJournal.Open(directory))
        {
            journal.Append(new RunCreated("run", "digest"));
        }

        // What a kill leaves behind: the new file under its temporary name, cut anywhere.
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(Path.Combine(directory, $".{RunJournal.FileName}.1-1.partial"), whole[..length]);
            using var journal = RunJournal.Open(directory);
            Assert.Equal("run", Assert.IsType<RunCreated>(Assert.Single(journal.Entries)).RunId);
        }
    }

    [Fact]
    public void Replace_ThenAppend_HoldsBoth()
    {
        string path = Path.Combine(directory, "journal");
        using (var writer = JournalWriter.Open(path))
        {
            writer.Append([1, 2, 3]);
            writer.Replace([new byte[] { 4 }, new byte[] { 5, 6 }]);
            writer.Append([7]);
        }

        Assert.Equal(["04", "0506", "07"], JournalReader.Read(path).Records.Select(record => Convert.ToHexString(record.Span)));
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static List<JournalEntry> Lived(Random random, out RunSettings settings)
    {
        var run = new Scenario(workersToStart: 1, steps: 1000);
        settings = run.Settings;
        var entries = new List<JournalEntry> { new RunCreated("run", "digest"), new CoordinatorStarted(1) };
        for (int i = 0; i < 60; i++)
        {
            string id = $"w{i}";
            var present = run.State.Workers.Keys.ToArray();
            string known = present.Length > 0 ? present[random.Next(present.Length)] : id;
            switch (random.Next(7))
            {
                case 0 or 1 when !run.State.IsOver: run.Training(id); break;
                case 2 when present.Length > 0: run.Do(new SessionClosed(known, run.State.Workers[known].Session, "broke.")); break;
                case 3: run.Pass(random.Next(12)); break;
                case 4 when present.Length > 0: run.Do(Saved(known, random.Next(20))); break;
                case 5 when present.Length > 0: run.Do(new CheckpointStored(known, i * 8, $"c{i}", 1, 1)); break;
                default:
                    foreach (var worker in run.State.Workers.Values.Where(worker => worker.InGeneration).ToArray())
                    {
                        run.Progress(worker.Id, i);
                        if (random.Next(3) == 0)
                        {
                            run.Ready(worker.Id, i);
                        }
                    }

                    break;
            }
        }

        entries.AddRange(run.Journal);
        return entries;
    }

    /// <summary>A snapshot may be told twice; a file is of one image count.</summary>
    private static SnapshotStored Saved(string worker, int number) => new(worker, number * 8, 0.1, $"s{number}", 1, "x");

    /// <summary>Everything a restarted coordinator knows; collections in order.</summary>
    private static string Text(RunState state) => string.Join('\n', [
        $"{state.Epoch} {state.Generation} {state.Phase} {state.Reason} {state.Started} {state.ImagesSeen} {state.JournalledImages} {state.Snapshots} {state.LastSnapshotImages} {state.LastCheckpointImages} {state.NextOrder}",
        .. state.Workers.Values.Select(worker => $"{worker.Id} {worker.Name} {worker.Order} {worker.Stage} {worker.Generation} {worker.Share}"),
        .. state.Removed.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}: {pair.Value}"),
        $"{state.Current?.Plan.Number} {state.Current?.Stage} {state.Current?.Reason}",
    ]);
}
