using System.CommandLine;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Diffusion.Native;
using Diffusion.Native.Collectives.Nccl;
using TorchSharp;

namespace Diffusion.Cli.Verbs;

/// <summary>What this machine has, what it lacks, and the remedy. Works where libtorch does not.</summary>
internal static class DoctorVerb
{
    public static Command Create()
    {
        var command = new Command("doctor", "Check this machine: libtorch, BLAS, devices, transports, image libraries, and a short numerical self-test.");
        command.SetAction(_ => new Examination().Run());
        return command;
    }

    private sealed class Examination
    {
        private readonly List<string> problems = [];

        public int Run()
        {
            Say("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors, .NET {Environment.Version}");

            // libtorch last among libraries: nothing below may be hidden by its absence.
            Library("libturbojpeg.so.0", "JPEG images", "libturbojpeg0");
            Library("libcairo.so.2", "charts", "libcairo2");
            Native();
            Torch();
            foreach (string problem in problems)
            {
                Console.WriteLine($"WRONG       {problem}");
            }

            Console.WriteLine(problems.Count == 0 ? "All is well." : $"{problems.Count} {(problems.Count == 1 ? "thing is" : "things are")} wrong.");
            return problems.Count == 0 ? ExitCode.Done : ExitCode.NotReady;
        }

        private static void Say(string what, string found) => Console.WriteLine($"{what,-12}{found}");

        private void Library(string file, string purpose, string package)
        {
            bool found = NativeLibrary.TryLoad(file, out _);
            Say(purpose, found ? file : $"{file} not found");
            if (!found)
            {
                problems.Add($"{file} ({purpose}) is missing. Run: apt-get install {package}");
            }
        }

        private void Native()
        {
            Say("kernels", CpuEnvironment.Kernels);
            Say("gloo", CpuEnvironment.Gloo);
            if (!CpuEnvironment.HasKernels)
            {
                problems.Add($"The compiled kernels cannot be used: {CpuEnvironment.Kernels} Training works without them, slower.");
            }

            if (!CpuEnvironment.HasGloo)
            {
                problems.Add($"Gradients cannot be exchanged between processes: {CpuEnvironment.Gloo} Run: apt-get install libgloo-dev, then build again.");
            }
        }

        private void Torch()
        {
            try
            {
                DescribeTorch();
            }
            catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException or BadImageFormatException)
            {
                Say("libtorch", "cannot be loaded");
                problems.Add($"{e.GetBaseException().Message} Without libtorch there is no training and no sampling; converting data and reconstructing work.");
            }
        }

        // Not inlined: a method that names torch may already fail when it is compiled.
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void DescribeTorch()
        {
            using var scope = torch.NewDisposeScope();
            Say("libtorch", $"{torch.__version__} in {Path.GetDirectoryName(Mapped("libtorch_cpu.so")) ?? "an unknown place"}");
            SelfTest();

            // Arenas are tensors, so the kernels can only be tried where libtorch works.
            problems.AddRange(CpuEnvironment.SelfTest().Select(problem => $"Kernel self-test: {problem}"));
            string? blas = Mapped("openblas") ?? Mapped("libmkl") ?? Mapped("libblis") ?? Mapped("libblas");
            Say("blas", blas ?? "built into libtorch");
            Say("threads", $"{torch.get_num_threads()}");
            ComputePolicy.Apply(tf32: false);
            Say("cpu", Rates("cpu"));
            Gpus();
            if (blas is not null && !blas.Contains("openblas", StringComparison.Ordinal) && blas.Contains("libblas", StringComparison.Ordinal))
            {
                problems.Add($"Matrix products run on the reference BLAS {blas}, about 25 times slower than need be. Run: apt-get install libopenblas0-openmp");
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private void Gpus()
        {
            var gpus = GpuEnvironment.Gpus;
            if (gpus.Count == 0)
            {
                Say("gpus", $"none. {GpuEnvironment.WhyNone}");
                if (GpuEnvironment.Driver.Length > 0)
                {
                    problems.Add(GpuEnvironment.WhyNone);
                }

                return;
            }

            Say("cuda", $"runtime {GpuEnvironment.CudaRuntime}, driver for up to {GpuEnvironment.Driver}, cuDNN {(GpuEnvironment.CuDnn.Length > 0 ? GpuEnvironment.CuDnn : "missing")}");
            Say("nccl", NcclLibrary.IsAvailable ? NcclLibrary.Version : "none that can be used; only needed between GPUs");
            Say("gpu kernels", GpuEnvironment.HasKernels ? "compiled" : GpuEnvironment.WhyNoKernels);
            foreach (var gpu in gpus)
            {
                string device = FormattableString.Invariant($"cuda:{gpu.Number}");
                Say(device, FormattableString.Invariant($"{gpu.Name}, {gpu.MemoryBytes / 1e9:0.0} GB ({GpuMemory.FreeBytes(gpu.Number) / 1e9:0.0} free), compute capability {gpu.Capability}, {gpu.Multiprocessors} multiprocessors"));
                string[] peers = [.. gpus.Where(other => other != gpu && GpuEnvironment.HasPeerAccess(gpu.Number, other.Number)).Select(other => FormattableString.Invariant($"cuda:{other.Number}"))];
                Say("", $"{Rates(device)}{(gpus.Count == 1 ? "" : $"; direct way to {(peers.Length > 0 ? string.Join(", ", peers) : "no other")}")}");
            }

            problems.AddRange(GpuProblems.Of(gpus, GpuEnvironment.CuDnn, NcclLibrary.WhyNot, GpuEnvironment.HasPeerAccess));
        }

        // What a matrix product reaches, in each number format.
        private string Rates(string device)
        {
            var rates = new List<string>();
            foreach (var (name, format) in new[] { ("fp32", MatrixFormat.Float32), ("bf16", MatrixFormat.BFloat16), ("fp16", MatrixFormat.Float16) })
            {
                try
                {
                    double rate = MatrixRate.Measure(device, format);
                    rates.Add(rate == 0 ? $"{name} none" : FormattableString.Invariant($"{name} {rate / 1e12:0.###}"));
                }
                catch (ExternalException e)
                {
                    rates.Add($"{name} fails");
                    problems.Add($"A matrix product in {name} on {device} fails: {e.Message.Split('\n')[0]} Look for another process that holds the device (nvidia-smi), or take another libtorch.");
                }
            }

            return $"matrix products at {string.Join(", ", rates)} TFLOP/s";
        }

        // A product and a convolution whose results are known, and the gradient of one.
        private void SelfTest()
        {
            var a = torch.arange(64 * 64, dtype: torch.ScalarType.Float32).reshape(64, 64).remainder(7).sub(3);
            var product = a.matmul(a.t()).cpu().data<float>().ToArray();
            var values = a.data<float>().ToArray();
            for (int i = 0; i < 64; i += 9)
            {
                float expected = Enumerable.Range(0, 64).Sum(k => values[(i * 64) + k] * values[k]);
                if (product[i * 64] != expected)
                {
                    problems.Add($"A matrix product gave {product[i * 64]} where {expected} is right. This libtorch or its BLAS is broken; take another.");
                    return;
                }
            }

            var image = torch.ones([1, 1, 8, 8]);
            var kernel = torch.ones([1, 1, 3, 3]);
            kernel.requires_grad = true;
            using var sum = torch.nn.functional.conv2d(image, kernel, padding: [1, 1]).sum();
            sum.backward();
            float total = sum.item<float>();
            float centre = kernel.grad!.data<float>().ToArray()[4];
            if (total != 484 || centre != 64)
            {
                problems.Add($"A convolution summed to {total} with gradient {centre} where 484 and 64 are right. This libtorch is broken; take another.");
            }

            Say("self-test", "matrix product, convolution and gradient are right");
        }

        private static string? Mapped(string part) => File.ReadLines("/proc/self/maps")
            .Select(line => line.IndexOf('/', StringComparison.Ordinal) is int at and >= 0 ? line[at..] : "")
            .FirstOrDefault(path => Path.GetFileName(path).Contains(part, StringComparison.Ordinal) || (part is "openblas" && path.Contains("openblas", StringComparison.Ordinal)));
    }
}
