using System.Globalization;
using System.Text.RegularExpressions;

namespace Diffusion.Cli.Soak;

/// <summary>How long it took until faults were noticed and the run stepped again, from what coordinator and workers logged.</summary>
internal sealed partial class SoakReport
{
    private static readonly TimeSpan NoticedWithin = TimeSpan.FromSeconds(30);
    private readonly IReadOnlyList<LoggedStep> steps;
    private readonly List<(DateTime At, string Text)> coordinator;
    private readonly RunDirectory run;

    public SoakReport(RunDirectory run, ImageHistory history)
    {
        this.run = run;
        steps = history.Steps;
        coordinator = Lines("coordinator.log");
    }

    /// <summary>A line for each kind of fault.</summary>
    public IEnumerable<string> Rows(IEnumerable<SoakInjection> injections)
    {
        yield return $"{"fault",-28}{"n",5}  {"noticed (median, worst)",-26}{"steps again (median, worst)",-28}";
        foreach (var kind in injections.GroupBy(i => i.Fault.Kind).OrderBy(g => g.Key))
        {
            var times = kind.Select(Times).ToArray();
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{SoakPlan.Describe(kind.Key),-28}{kind.Count(),5}  {Summary(times.Select(t => t.Noticed)),-26}{Summary(times.Select(t => t.SteppedAgain)),-28}");
        }
    }

    private (TimeSpan? Noticed, TimeSpan? SteppedAgain) Times(SoakInjection injection)
    {
        switch (injection.Fault.Kind)
        {
            // Planned changes: nothing has to be noticed; what counts is how long nobody steps.
            case SoakFaultKind.Join:
            case SoakFaultKind.Leave:
                return (null, Gap(injection.At));
            case SoakFaultKind.KillCoordinator:
                return (null, LongestGap(injection.At, injection.At + (injection.AnsweredAfter ?? TimeSpan.Zero) + TimeSpan.FromSeconds(2)));
        }

        // Who dies between joining and its session was no member, and nobody waited for it.
        string[] victims = [.. injection.Victims];
        var at = injection.At;
        if (injection.Fault is { Kind: SoakFaultKind.KillAtPoint, Point: not "join" } && Suicide(injection) is { } suicide)
        {
            (victims, at) = ([suicide.Name], suicide.At);
        }

        if (victims.Length == 0)
        {
            return (null, null);
        }

        var noticed = coordinator.Where(l => l.At >= at && l.At <= at + NoticedWithin && victims.Any(v => l.Text.Contains($"{v} is lost", StringComparison.Ordinal))).Select(l => (DateTime?)l.At).FirstOrDefault();
        return (injection.AnsweredAfter is null ? noticed - at : null, SteppedAgain(at) - at);
    }

    /// <summary>The first step of a later generation than that in which the fault struck.</summary>
    private DateTime? SteppedAgain(DateTime at)
    {
        long generation = steps.LastOrDefault(s => s.At <= at).Generation;
        return steps.Where(s => s.At > at && s.Generation > generation).Select(s => (DateTime?)s.At).FirstOrDefault();
    }

    /// <summary>Pause at the next change of generations.</summary>
    private TimeSpan? Gap(DateTime at) => SteppedAgain(at) is { } again ? again - steps.Last(s => s.At < again).At : null;

    private TimeSpan? LongestGap(DateTime from, DateTime to)
    {
        var times = steps.Where(s => s.At >= from && s.At <= to).Select(s => s.At).Prepend(from).ToArray();
        return times.Length < 2 ? null : times.Zip(times.Skip(1), (a, b) => b - a).Max();
    }

    private (string Name, DateTime At)? Suicide(SoakInjection injection)
    {
        foreach (string path in Directory.EnumerateFiles(run.Logs, "worker-*.log"))
        {
            var line = Lines(Path.GetFileName(path)).FirstOrDefault(l => l.At >= injection.At && l.At <= injection.At + TimeSpan.FromSeconds(60)
                && l.Text.Contains("Failing on purpose", StringComparison.Ordinal) && l.Text.Contains($"kill@{injection.Fault.Point}", StringComparison.Ordinal));
            if (line.Text is not null)
            {
                return (Path.GetFileNameWithoutExtension(path), line.At);
            }
        }

        return null;
    }

    private List<(DateTime At, string Text)> Lines(string file) => [.. File.ReadLines(Path.Combine(run.Logs, file))
        .Select(line => (Match: Timestamp().Match(line), Line: line))
        .Where(l => l.Match.Success)
        .Select(l => (DateTime.ParseExact(l.Match.Value, "yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal | DateTimeStyles.AdjustToUniversal), l.Line))];

    private static string Summary(IEnumerable<TimeSpan?> times)
    {
        double[] seconds = [.. times.OfType<TimeSpan>().Select(t => t.TotalSeconds).Order()];
        return seconds.Length == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{seconds[seconds.Length / 2]:0.00} s, {seconds[^1]:0.00} s of {seconds.Length}");
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")]
    private static partial Regex Timestamp();
}
