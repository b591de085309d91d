using System.Globalization;
using Diffusion.Cli.Display;
using Diffusion.Cli.Processes;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;

namespace Diffusion.Cli.Soak;

/// <summary>One run under a schedule of faults, from its first process to its last. Without faults it is the undisturbed run.</summary>
internal sealed class SoakRun(RunConfig config, SoakOptions options, string directory, IReadOnlyList<SoakFault> faults, TimeProvider time, CancellationToken cancellationToken) : IDisposable
{
    private const int FirstWorkers = 3;
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SuicideLimit = TimeSpan.FromSeconds(40);
    private readonly SoakCluster cluster = new(config, directory, options.TimeoutScale, cancellationToken);
    private readonly List<SoakInjection> injections = [];
    private readonly List<(DateTime At, SoakWorker Worker)> toContinue = [];
    private readonly List<(DateTime Until, SoakWorker Worker)> suicides = [];
    private readonly long started = time.GetTimestamp();
    private RunStatus status = new();

    /// <summary>Workers a disturbed run begins with.</summary>
    public static int WorkersAtFirst => FirstWorkers;

    public RunDirectory Directory => cluster.Run;

    /// <summary>What happened, in order.</summary>
    public IReadOnlyList<SoakInjection> Injections => injections;

    private long Step => status.ImagesSeen / config.Training.BatchSize;

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    /// <summary>Runs to the end.</summary>
    /// <exception cref="VerbFailedException">A process ended that nobody told to, or the run did not finish.</exception>
    public async Task RunAsync()
    {
        await cluster.StartCoordinatorAsync();
        TopUp(faults.Count == 0 ? 1 : FirstWorkers);
        foreach (var fault in faults)
        {
            double spacing = (double)options.Steps / faults.Count;
            await UntilAsync(() => Step >= fault.Step && (fault.AtOnce || IsSettled() || Step >= fault.Step + spacing));
            if (IsOver)
            {
                throw new VerbFailedException($"The run was over after {injections.Count} of {faults.Count} faults; give it more --steps.");
            }

            await InjectAsync(fault);
        }

        await UntilAsync(() => false);
        await EndAsync();
    }

    /// <summary>Ends what still lives.</summary>
    public void Dispose() => cluster.Dispose();

    private bool IsOver => RunText.IsOver(status.Phase);

    private bool IsSettled() =>
        status.Phase == RunPhase.Training && suicides.Count == 0 && toContinue.Count == 0 && Members().Count >= Math.Min(SoakPlan.MostWorkers, cluster.Staying.Count());

    /// <summary>Workers that train now.</summary>
    private List<SoakWorker> Members()
    {
        var training = status.Workers.Where(w => w.Shards > 0).Select(w => w.Name).ToHashSet();
        return [.. cluster.Staying.Where(w => !w.IsStopped && training.Contains(w.Name))];
    }

    private async Task InjectAsync(SoakFault fault)
    {
        var members = Members();
        var candidates = members.Count > 0 ? members : [.. cluster.Staying];
        SoakWorker[] victims = fault.Kind switch
        {
            SoakFaultKind.KillWorker or SoakFaultKind.StopWorker or SoakFaultKind.Leave => candidates.Count == 0 ? [] : [candidates[fault.Pick % candidates.Count]],
            SoakFaultKind.KillSeveral => [.. candidates.Skip(fault.Pick % 3 == 0 ? 0 : candidates.Count / 3)],
            SoakFaultKind.KillAll => [.. cluster.Workers],
            _ => [],
        };
        bool coordinatorToo = fault.Kind is SoakFaultKind.KillCoordinator or SoakFaultKind.KillAll || (fault.Kind == SoakFaultKind.KillSeveral && fault.Pick % 2 == 1);
        var injection = new SoakInjection(fault, Now, status.Generation, [.. victims.Intersect(members).Select(v => v.Name)]);
        injections.Add(injection);
        Tell(fault, victims, coordinatorToo);
        foreach (var victim in victims)
        {
            Strike(fault, victim);
        }

        if (fault.Kind == SoakFaultKind.KillAtPoint)
        {
            StartSuicide(fault);
        }

        if (coordinatorToo)
        {
            cluster.Coordinator.Send(ProcessSignal.Kill);
            await cluster.Coordinator.WaitForExitAsync(cancellationToken);

            // Sometimes at once, sometimes after the workers have noticed.
            await Task.Delay(TimeSpan.FromSeconds(0.5 * (fault.Pick % 5)), time, cancellationToken);
            await cluster.StartCoordinatorAsync();
            injection.AnsweredAfter = Now - injection.At;
        }

        TopUp(fault.Workers);
    }

    private void Strike(SoakFault fault, SoakWorker victim)
    {
        switch (fault.Kind)
        {
            case SoakFaultKind.StopWorker:
                victim.IsStopped = true;
                victim.Process.Send(ProcessSignal.Stop);
                toContinue.Add((Now + ((TimeSpan.FromSeconds(3.5) + TimeSpan.FromSeconds(fault.Pick % 3)) * options.TimeoutScale), victim));
                break;
            case SoakFaultKind.Leave:
                victim.IsLeaving = true;
                victim.Process.Send(ProcessSignal.Terminate);
                break;
            default:
                victim.IsGone = true;
                victim.Process.Send(ProcessSignal.Kill);
                break;
        }
    }

    private void StartSuicide(SoakFault fault)
    {
        bool isOnce = fault.Point is "join" or "state-transfer";
        string plan = string.Create(CultureInfo.InvariantCulture, $"kill@{fault.Point}{(isOnce ? "" : $":step={Step + 2 + (fault.Pick % 5)}")};{Slower}");
        suicides.Add((Now + SuicideLimit, cluster.StartWorker(plan, fault)));
    }

    private string Slower => string.Create(CultureInfo.InvariantCulture, $"slow@forward:seconds={SoakSetting.SlowerBy(options).TotalSeconds:0.####}");

    private void TopUp(int asked)
    {
        for (int there = cluster.Staying.Count(); there < asked; there++)
        {
            cluster.StartWorker(faults.Count == 0 ? null : Slower, armed: null);
        }
    }

    /// <summary>Waits for a condition or the end of the run, while seeing to the processes.</summary>
    private async Task UntilAsync(Func<bool> condition)
    {
        while (true)
        {
            status = await cluster.StatusAsync() ?? status;
            if (cluster.Coordinator.HasExited && CoordinatorAnnouncement.End(cluster.Coordinator.LastLine) is { } end)
            {
                status = new RunStatus { Phase = end.Phase, Reason = end.Reason, ImagesSeen = config.Training.DurationImages };
            }

            Wake(all: IsOver);
            Review();
            if (IsOver || condition())
            {
                return;
            }

            await Task.Delay(PollEvery, time, cancellationToken);
        }
    }

    private void Wake(bool all)
    {
        foreach (var (_, worker) in toContinue.Where(t => all || t.At <= Now).ToArray())
        {
            worker.IsStopped = false;
            worker.Process.Send(ProcessSignal.Continue);
            toContinue.RemoveAll(t => t.Worker == worker);
        }
    }

    private void Review()
    {
        foreach (var worker in cluster.Workers.Where(w => w.Process.HasExited).ToArray())
        {
            worker.IsGone = true;
            suicides.RemoveAll(s => s.Worker == worker);
            if (worker.Armed is null && worker.Process.ExitCode != ExitCode.Done && !IsOver)
            {
                throw new VerbFailedException($"{worker.Name} ended by itself with exit code {worker.Process.ExitCode}. {worker.Process.LastErrors}");
            }
        }

        // One that never came to its point, because the run needed no more members, is killed as any other.
        foreach (var (_, worker) in suicides.Where(s => s.Until <= Now || IsOver).ToArray())
        {
            worker.Process.Send(ProcessSignal.Kill);
        }

        if (!IsOver && !cluster.Staying.Any())
        {
            TopUp(1);
        }
    }

    private async Task EndAsync()
    {
        if (status.Phase != RunPhase.Finished)
        {
            throw new VerbFailedException($"The run did not finish but {RunText.Phase(status.Phase)}: {status.Reason}");
        }

        foreach (var process in cluster.Workers.Select(w => w.Process).Append(cluster.Coordinator))
        {
            if (!await process.EndAsync(TimeSpan.FromSeconds(30), cancellationToken))
            {
                throw new VerbFailedException($"{process.Name} did not end within 30 s of the run's end.");
            }
        }
    }

    private void Tell(SoakFault fault, SoakWorker[] victims, bool coordinatorToo)
    {
        var elapsed = time.GetElapsedTime(started);
        double share = Math.Max(0.01, (double)Step / options.Steps);
        string struck = string.Join(", ", victims.Select(v => v.Name).Concat(coordinatorToo ? ["coordinator"] : Array.Empty<string>()));
        string what = fault.Kind == SoakFaultKind.KillAtPoint ? $"{SoakPlan.Describe(fault.Kind)}: {fault.Point}" : SoakPlan.Describe(fault.Kind);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{elapsed:mm\\:ss}  fault {fault.Number} of {faults.Count} at step {Step} of {options.Steps} ({status.ImagesSeen} images): {what}{(struck.Length > 0 ? $" ({struck})" : "")}; {fault.Workers} workers shall be there; ETA {(elapsed / share) - elapsed:mm\\:ss}"));
    }
}
