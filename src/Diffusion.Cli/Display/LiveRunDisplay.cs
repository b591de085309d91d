using System.Threading.Channels;
using Diffusion.Contracts.Configuration;
using Diffusion.V1;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Diffusion.Cli.Display;

/// <summary>One panel that is drawn over itself a few times a second.</summary>
internal sealed class LiveRunDisplay : RunDisplay
{
    private const int NotesShown = 4;
    private const int BarWidth = 40;

    // Only the newest state is worth drawing.
    private readonly Channel<IRenderable> frames = Channel.CreateBounded<IRenderable>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
    private readonly Lock guard = new();
    private readonly List<string> notes = [];
    private readonly Task drawing;
    private RunStatus last = new();

    public LiveRunDisplay() => drawing = DrawAsync();

    public override void Update(RunStatus run)
    {
        lock (guard)
        {
            last = run;
            frames.Writer.TryWrite(Frame());
        }
    }

    public override void Note(string text)
    {
        lock (guard)
        {
            notes.Add(text);
            frames.Writer.TryWrite(Frame());
        }
    }

    public override async ValueTask DisposeAsync()
    {
        frames.Writer.TryComplete();
        await drawing;
    }

    private async Task DrawAsync() => await AnsiConsole.Live(new Text("Starting")).AutoClear(false).StartAsync(async live =>
    {
        await foreach (var frame in frames.Reader.ReadAllAsync())
        {
            live.UpdateTarget(frame);
            live.Refresh();
        }
    });

    private Rows Frame()
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
        Row(grid, "run", $"{last.RunId}, {RunText.Phase(last.Phase)}");
        if (last.Reason.Length > 0)
        {
            Row(grid, "", last.Reason);
        }

        if (last.DurationImages > 0)
        {
            grid.AddRow(new Text("images", new Style(Color.Grey)), Bar((double)last.ImagesSeen / last.DurationImages));
            Row(grid, "", $"{RunText.Progress(last)}   {RunText.Rate(last.ImagesPerSecond)}   ETA {RunText.Eta(last.EtaSeconds)}");
            Row(grid, "loss", $"{RunText.Loss(last.Loss)}   learning rate {RunText.LearningRate(last.LearningRate)}");
            Row(grid, "waiting", $"for data {RunText.Share(last.DataWaitShare)}   for gradients {RunText.Share(last.GradientWaitShare)}");
            Row(grid, "saved", $"{last.Snapshots} snapshots, last at {RunText.LastSave(last.LastSnapshotImages)}   checkpoint {RunText.LastSave(last.LastCheckpointImages)}");
        }

        var parts = new List<IRenderable> { grid };
        if (last.Workers.Count > 0)
        {
            parts.Add(Workers());
        }

        parts.AddRange(last.Alarms.Select(a => new Text($"ALARM {a}", new Style(Color.Red))));
        parts.AddRange(notes.TakeLast(NotesShown).Select(n => new Text(n, new Style(Color.Yellow))));
        return new Rows(parts);
    }

    private Table Workers()
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("worker", "state", "shards", "images/s", "compute", "data wait", "gradient wait");
        foreach (var w in last.Workers)
        {
            table.AddRow(new Text(w.Name), new Text(w.State), new Text($"{w.Shards}"), new Text($"{w.ImagesPerSecond:0.0}"), new Text(RunText.Step(w.ComputeSeconds)), new Text(RunText.Share(w.DataWaitShare)), new Text(RunText.Share(w.GradientWaitShare)));
        }

        return table;
    }

    private static void Row(Grid grid, string name, string text) => grid.AddRow(new Text(name, new Style(Color.Grey)), new Text(text));

    private static Markup Bar(double share)
    {
        int done = (int)Math.Round(Math.Clamp(share, 0, 1) * BarWidth);
        return new Markup($"[green]{new string('━', done)}[/][grey]{new string('━', BarWidth - done)}[/]");
    }
}
