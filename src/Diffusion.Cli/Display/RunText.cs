using System.Globalization;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;

namespace Diffusion.Cli.Display;

/// <summary>A run's numbers as people read them.</summary>
internal static class RunText
{
    public static string Progress(RunStatus run) => string.Create(CultureInfo.InvariantCulture,
        $"{ImageCount.Kimg(run.ImagesSeen)} of {ImageCount.Kimg(run.DurationImages)} ({(run.DurationImages > 0 ? 100.0 * run.ImagesSeen / run.DurationImages : 0):0.0} %)");

    public static string Rate(double imagesPerSecond) => string.Create(CultureInfo.InvariantCulture, $"{imagesPerSecond:0.0} images/s");

    public static string Share(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");

    /// <summary>A part of a step.</summary>
    public static string Step(double seconds) => seconds < 1
        ? string.Create(CultureInfo.InvariantCulture, $"{1000 * seconds:0.0} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds:0.00} s");

    public static string Eta(double seconds) => seconds < 0 || !double.IsFinite(seconds) ? "unknown" : Duration(TimeSpan.FromSeconds(seconds));

    public static string Duration(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00} h")
        : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00} min");

    public static string Loss(double loss) => loss.ToString("0.0000", CultureInfo.InvariantCulture);

    public static string LearningRate(double rate) => rate.ToString("0.00000", CultureInfo.InvariantCulture);

    public static string LastSave(long images) => images > 0 ? ImageCount.Kimg(images) : "none yet";

    public static string Phase(RunPhase phase) => phase switch
    {
        RunPhase.Waiting => "waiting for workers",
        RunPhase.Forming => "connecting workers",
        RunPhase.Training => "training",
        RunPhase.Stopping => "finishing the step and saving",
        RunPhase.Finished => "finished",
        RunPhase.Stopped => "stopped",
        RunPhase.Failed => "failed",
        _ => "starting",
    };

    public static bool IsOver(RunPhase phase) => phase is RunPhase.Finished or RunPhase.Stopped or RunPhase.Failed;

    /// <summary>One line with everything, for logs and pipes.</summary>
    public static string Line(RunStatus run)
    {
        string workers = string.Join(", ", run.Workers.Select(w => string.Create(CultureInfo.InvariantCulture, $"{w.Name} {w.ImagesPerSecond:0.0}")));
        return $"{Progress(run)}  {Rate(run.ImagesPerSecond)} [{workers}]  ETA {Eta(run.EtaSeconds)}  loss {Loss(run.Loss)}  lr {LearningRate(run.LearningRate)}  "
            + $"waiting for data {Share(run.DataWaitShare)}, for gradients {Share(run.GradientWaitShare)}  snapshot {LastSave(run.LastSnapshotImages)}, checkpoint {LastSave(run.LastCheckpointImages)}";
    }
}
