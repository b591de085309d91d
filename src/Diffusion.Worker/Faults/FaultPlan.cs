using System.Globalization;
using Diffusion.Contracts.Configuration;

namespace Diffusion.Worker.Faults;

/// <summary>Places in a worker's life where a test can have it fail.</summary>
internal enum FaultPoint
{
    /// <summary>After the forward pass of a shard, before its backward pass.</summary>
    Forward,

    /// <summary>Inside an exchange of gradients: the others' parts have come, half of the own ones are sent.</summary>
    MidBucket,

    /// <summary>Between two exchanges of gradients of one step.</summary>
    BetweenBuckets,

    /// <summary>Weights, moments and averages are updated, the step is not yet counted.</summary>
    Optimizer,

    /// <summary>Between two files of a snapshot; after the only one if there is but one.</summary>
    Snapshot,

    /// <summary>Inside the second file of a checkpoint.</summary>
    Checkpoint,

    /// <summary>The coordinator has answered Join, the session is not open yet.</summary>
    Join,

    /// <summary>The state is on its way from one rank to the others: the first arena is through.</summary>
    StateTransfer,
}

/// <summary>How a worker fails there.</summary>
internal enum FaultAction
{
    /// <summary>The process dies as by kill -9.</summary>
    Kill,

    /// <summary>The thread stays where it is while the rest of the process lives on, deaf to whatever it is asked.</summary>
    Hang,

    /// <summary>The process stops as by kill -STOP, until somebody continues it.</summary>
    Stop,

    /// <summary>Every passage takes longer, as on a slow or busy box.</summary>
    Slow,
}

/// <summary>One fault of one process, for tests: <c>kill@mid-bucket:step=7</c>, <c>hang@forward:step=7,seconds=20</c>, <c>slow@forward:seconds=0.05</c>.</summary>
/// <param name="Action">What happens.</param>
/// <param name="Point">Where.</param>
/// <param name="Step">It happens at the first passage in this step or a later one. Steps count from 1; a snapshot's or checkpoint's is that of the state it holds.</param>
/// <param name="Seconds">Length of a hang, null for one without end; or what each slow passage takes more.</param>
internal sealed record FaultPlan(FaultAction Action, FaultPoint Point, long Step, double? Seconds)
{
    /// <summary>Environment variable that holds faults, separated by semicolons.</summary>
    public const string Variable = "DIFFUSION_FAULT";

    /// <exception cref="ConfigurationException">A part of the text is no fault.</exception>
    public static FaultPlan[] ParseAll(string text) => [.. text.Split(';').Select(Parse)];

    /// <exception cref="ConfigurationException">The text is no fault.</exception>
    public static FaultPlan Parse(string text)
    {
        string[] parts = text.Split('@', 2);
        string[] place = parts[^1].Split(':', 2);
        if (parts.Length != 2 || Named<FaultAction>(parts[0]) is not { } action || Named<FaultPoint>(place[0]) is not { } point)
        {
            throw Wrong(text);
        }

        var plan = new FaultPlan(action, point, 0, null);
        foreach (string option in place.Length == 1 ? [] : place[1].Split(','))
        {
            plan = option.Split('=', 2) switch
            {
                ["step", var step] when long.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out long number) => plan with { Step = number },
                ["seconds", var seconds] when action is FaultAction.Hang or FaultAction.Slow && double.TryParse(seconds, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double length) && length <= 86_400
                    => plan with { Seconds = length },
                _ => throw Wrong(text),
            };
        }

        return action == FaultAction.Slow && plan.Seconds is null ? throw Wrong(text) : plan;
    }

    /// <summary>The text that <see cref="Parse"/> reads as this fault.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{NameOf(Action)}@{NameOf(Point)}:step={Step}") + (Seconds is { } length ? string.Create(CultureInfo.InvariantCulture, $",seconds={length}") : "");

    private static ConfigurationException Wrong(string text) => new(
        $"{Variable} is '{text}', which is no fault. It is ACTION@POINT[:step=N][,seconds=S], with one of {Names<FaultAction>()} at one of {Names<FaultPoint>()}; seconds for hang and slow. Unset it: it is for tests.");

    private static string Names<T>()
        where T : struct, Enum => string.Join(", ", Enum.GetValues<T>().Select(value => NameOf(value)));

    private static T? Named<T>(string name)
        where T : struct, Enum => Enum.GetValues<T>().Where(value => NameOf(value) == name).Select(value => (T?)value).FirstOrDefault();

    // MidBucket is written mid-bucket.
    private static string NameOf<T>(T value)
        where T : struct, Enum => string.Concat(value.ToString().Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
