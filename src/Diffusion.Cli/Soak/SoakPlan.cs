using System.Globalization;

namespace Diffusion.Cli.Soak;

/// <summary>What may happen to a run.</summary>
internal enum SoakFaultKind
{
    /// <summary>kill -9 of a worker, whatever it is doing.</summary>
    KillWorker,

    /// <summary>A worker that kills itself at a named point of its step, of joining, or of receiving the state.</summary>
    KillAtPoint,

    /// <summary>SIGSTOP of a worker for longer than its lease, then SIGCONT.</summary>
    StopWorker,

    /// <summary>SIGTERM of a worker.</summary>
    Leave,

    /// <summary>One more worker.</summary>
    Join,

    /// <summary>kill -9 of the coordinator, and its restart.</summary>
    KillCoordinator,

    /// <summary>kill -9 of several workers at once, sometimes with the coordinator.</summary>
    KillSeveral,

    /// <summary>kill -9 of everything, then the same commands again.</summary>
    KillAll,
}

/// <summary>One thing that will happen.</summary>
/// <param name="Number">1, 2, …</param>
/// <param name="Kind">What.</param>
/// <param name="Step">Not before this step.</param>
/// <param name="Pick">Draws the victim, and whatever else is to be drawn, from those that are there then.</param>
/// <param name="Point">Where a worker kills itself.</param>
/// <param name="Workers">Workers that there shall be afterwards.</param>
/// <param name="AtOnce">It does not wait until the run has recovered from the one before.</param>
internal sealed record SoakFault(int Number, SoakFaultKind Kind, long Step, int Pick, string Point, int Workers, bool AtOnce);

/// <summary>The schedule of a soak: a function of its seed.</summary>
internal static class SoakPlan
{
    public const int MostWorkers = 4;

    private static readonly string[] Points = ["forward", "mid-bucket", "between-buckets", "optimizer", "join", "state-transfer"];

    // How often each kind comes in twenty faults.
    private static readonly (SoakFaultKind Kind, int Count)[] Deck =
    [
        (SoakFaultKind.KillWorker, 5), (SoakFaultKind.KillAtPoint, 4), (SoakFaultKind.StopWorker, 2), (SoakFaultKind.Leave, 2),
        (SoakFaultKind.Join, 2), (SoakFaultKind.KillCoordinator, 2), (SoakFaultKind.KillSeveral, 2), (SoakFaultKind.KillAll, 1),
    ];

    /// <summary>Draws a schedule.</summary>
    /// <param name="seed">The same seed, the same schedule.</param>
    /// <param name="faults">How many.</param>
    /// <param name="steps">Length of the run; nothing happens in its first and last steps.</param>
    /// <param name="workers">Workers at the beginning.</param>
    public static IReadOnlyList<SoakFault> Draw(int seed, int faults, int steps, int workers)
    {
        var random = new Random(seed);
        var kinds = new Queue<SoakFaultKind>();
        var plan = new List<SoakFault>();
        double first = 0.05 * steps;
        double spacing = 0.85 * steps / faults;
        for (int number = 1; number <= faults; number++)
        {
            if (kinds.Count == 0)
            {
                var deck = Deck.SelectMany(card => Enumerable.Repeat(card.Kind, card.Count)).ToArray();
                random.Shuffle(deck);
                Array.ForEach(deck, kinds.Enqueue);
            }

            var kind = kinds.Dequeue();
            long step = (long)(first + (spacing * (number - 1 + random.NextDouble())));
            workers = After(kind, workers, random);
            plan.Add(new SoakFault(number, kind, step, random.Next(1 << 16), Points[random.Next(Points.Length)], workers, AtOnce: random.Next(5) == 0));
        }

        return plan;
    }

    public static string Describe(SoakFaultKind kind) => kind switch
    {
        SoakFaultKind.KillWorker => "kill -9 of a worker",
        SoakFaultKind.KillAtPoint => "kill -9 at a named point",
        SoakFaultKind.StopWorker => "SIGSTOP past the lease",
        SoakFaultKind.Leave => "SIGTERM of a worker",
        SoakFaultKind.Join => "a worker joins",
        SoakFaultKind.KillCoordinator => "kill -9 of the coordinator",
        SoakFaultKind.KillSeveral => "kill -9 of several at once",
        SoakFaultKind.KillAll => "kill -9 of everything",
        _ => kind.ToString().ToLower(CultureInfo.InvariantCulture),
    };

    // The number of workers wanders: who is lost is replaced, or not.
    private static int After(SoakFaultKind kind, int workers, Random random) => kind switch
    {
        SoakFaultKind.Join => Math.Min(MostWorkers, workers + 1),
        SoakFaultKind.Leave => Math.Max(1, workers - 1),
        SoakFaultKind.KillWorker => Math.Max(1, workers - random.Next(2)),
        SoakFaultKind.KillSeveral or SoakFaultKind.KillAll => 1 + random.Next(MostWorkers),
        _ => workers,
    };
}
