using System.Diagnostics;
using System.Globalization;

namespace Diffusion.Benchmarks;

/// <summary>One way of doing something.</summary>
/// <param name="Name">Its row in the table.</param>
/// <param name="Work">Does it once.</param>
internal sealed record Contestant(string Name, Action Work);

/// <summary>
/// Compares whole operations on a machine that others may use too: contestants take turns (A B C A B C …), so that a disturbance meets all of
/// them, and each is divided by the first of the same turn. Processor time is printed beside wall time, as it suffers less from neighbours.
/// </summary>
internal static class Paired
{
    /// <summary>Measures and prints a table.</summary>
    /// <param name="turns">How often each has its turn, after one that does not count.</param>
    /// <param name="contestants">The first is the yardstick.</param>
    /// <param name="amount">What one turn handles, for the last column: amount per second of the fastest turn.</param>
    /// <param name="unit">Unit of <paramref name="amount"/>.</param>
    public static void Print(int turns, IReadOnlyList<Contestant> contestants, double amount, string unit)
    {
        var wall = contestants.Select(_ => new double[turns]).ToArray();
        var processor = contestants.Select(_ => new double[turns]).ToArray();
        for (int turn = -1; turn < turns; turn++)
        {
            for (int i = 0; i < contestants.Count; i++)
            {
                var before = Environment.CpuUsage.TotalTime;
                long start = Stopwatch.GetTimestamp();
                contestants[i].Work();
                double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
                if (turn >= 0)
                {
                    wall[i][turn] = elapsed;
                    processor[i][turn] = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
                }
            }
        }

        Console.WriteLine($"| | wall min, s | wall median, s | CPU median, s | wall ratio | CPU ratio | {unit}/s |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        for (int i = 0; i < contestants.Count; i++)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {contestants[i].Name} | {wall[i].Min():F4} | {Median(wall[i]):F4} | {Median(processor[i]):F4} | {Median(Ratios(wall, i)):F2} | {Median(Ratios(processor, i)):F2} | {amount / wall[i].Min():G4} |"));
        }
    }

    public static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private static double[] Ratios(double[][] times, int i) => [.. times[i].Zip(times[0], (one, first) => one / first)];
}
