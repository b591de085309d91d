using System.Globalization;
using Diffusion.Benchmarks;

// diffusion-benchmarks VERB [--KEY NUMBER]...
var options = new Options(args.Skip(1));
switch (args.FirstOrDefault())
{
    case "reconstruct": ReconstructBenchmark.Run(options); break;
    case "step": StepBenchmark.Run(options); break;
    case "allreduce": AllReduceBenchmark.Run(options); break;
    case "decode": DecodeBenchmark.Run(); break;
    case "snapshot": SnapshotBenchmark.Run(options); break;
    case "serve": ServeBenchmark.Run(options); break;
    case "stall": StallBenchmark.Run(options); break;
    default:
        Console.Error.WriteLine("Verbs: reconstruct, step, allreduce, decode, snapshot, serve, stall. See README.md for their options.");
        return 2;
}

return 0;

namespace Diffusion.Benchmarks
{
    /// <summary>Whole numbers by name: <c>--snapshots 64</c>.</summary>
    internal sealed class Options(IEnumerable<string> arguments)
    {
        private readonly Dictionary<string, int> values = arguments.Chunk(2).ToDictionary(
            pair => pair[0].TrimStart('-'), pair => int.Parse(pair[1], CultureInfo.InvariantCulture));

        public int this[string name, int otherwise] => values.GetValueOrDefault(name, otherwise);
    }
}
