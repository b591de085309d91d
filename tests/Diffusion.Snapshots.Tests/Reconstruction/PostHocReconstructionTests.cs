using Diffusion.Snapshots.Catalogue;
using Diffusion.Snapshots.Files;
using Diffusion.Snapshots.Reconstruction;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Snapshots.Tests.Reconstruction;

public sealed class PostHocReconstructionTests : IDisposable
{
    private static readonly double[] Tracked = [0.05, 0.1];
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Run_GoldenSnapshots_MatchToTheLastBitOrOne()
    {
        using var golden = SafetensorsFile.Open(GoldenFiles.PathOf("phema_reconstruct_tiny.safetensors"));
        string[] names = ["gain", "some_buffer", "layers.0.weight", "layers.2.weight"];
        foreach (var item in GoldenFiles.Json("phema_reconstruct_tiny.json").GetProperty("inputs").EnumerateArray())
        {
            string stem = Path.GetFileNameWithoutExtension(item.GetProperty("file").GetString()!);
            new SnapshotWriter(directory.Root).Write(
                new SnapshotInfo { RunId = "r", ImagesSeen = item.GetProperty("nimg").GetInt64(), RelativeStd = item.GetProperty("std").GetDouble() },
                [.. names.Select(name => new SnapshotTensor(name, golden.Entry($"{stem}.{name}").Shape, name == "some_buffer"))],
                index => golden.Float32($"{stem}.{names[index]}"));
        }

        using var set = SnapshotSet.Open(directory.Root);
        var plan = PostHocReconstruction.Plan(set, LengthList.Parse("0.03,0.075,0.15"));
        plan.Run(directory["out"]);
        int exact = 0;
        int all = 0;
        foreach (string output in new[] { "phema-0000008-0.030", "phema-0000008-0.075", "phema-0000008-0.150" })
        {
            using var found = SafetensorsFile.Open(directory[$"out/{output}.safetensors"]);
            found.Verify();
            foreach (string name in names)
            {
                float[] expected = golden.Float32($"{output}.{name}");
                float[] actual = found.Float32(name);
                Assert.Equal(golden.Entry($"{output}.{name}").Shape, found.Entry(name).Shape);
                for (int i = 0; i < expected.Length; i++)
                {
                    int ulps = Math.Abs(BitConverter.HalfToInt16Bits((Half)expected[i]) - BitConverter.HalfToInt16Bits((Half)actual[i]));
                    Assert.True(ulps <= 1, $"{output} {name}[{i}]: {actual[i]:R}, expected {expected[i]:R}");
                    exact += ulps == 0 ? 1 : 0;
                    all++;
                }
            }
        }

        Assert.True(exact == all, $"{all - exact} of {all} values are one float16 step away");
    }

    [Theory]
    [InlineData(ElementType.Float16, ElementType.Float32, 1)]
    [InlineData(ElementType.Float32, ElementType.Float16, 3)]
    [InlineData(ElementType.Float32, ElementType.Float32, 2)]
    public void Run_ManyLengthsTimesChunksAndThreads_EqualsTheObviousLoop(ElementType stored, ElementType wanted, int threads)
    {
        // Three tensors that chunks cut in awkward places, 10 snapshots (more than one group), two target times.
        int[] sizes = [1, 5000, 30_011];
        WriteRun(5, stored, sizes);
        using var set = SnapshotSet.Open(directory.Root);
        var plan = PostHocReconstruction.Plan(set, [0.06, 0.2, 0.12], [5 * 1024, 3 * 1024]);
        Assert.Equal([6, 6, 6, 10, 10, 10], plan.Outputs.Select(output => output.InputCount));
        var written = plan.Run(directory["out"], new ReconstructionOptions { ElementType = wanted, Threads = threads, MemoryBytes = 1, VerifyInputs = true });
        Assert.Equal(6, written.Count);
        foreach (var (output, entry) in plan.Outputs.Zip(written))
        {
            using var file = SafetensorsFile.Open(directory["out/" + entry.File]);
            Assert.Equal(entry.ContentId, file.Verify().ContentId);
            Assert.Equal(wanted, entry.ElementType);
            for (int tensor = 0; tensor < sizes.Length; tensor++)
            {
                Assert.True(Obvious(set, output, $"t{tensor}", wanted).SequenceEqual(file.Float32($"t{tensor}")), $"{entry.File} t{tensor}");
            }

            using var last = SafetensorsFile.Open(set.Paths[output.InputCount - 1]);
            Assert.Equal(last.Float32("freqs").Select(value => (float)(Half)value), file.Float32("freqs").Select(value => (float)(Half)value));
        }
    }

    [Fact]
    public void Run_IntegerTensor_IsCopiedFromTheLastInput()
    {
        for (int i = 1; i <= 2; i++)
        {
            using var writer = SafetensorsWriter.Create(directory[$"net-000000{i}-0.100.safetensors"],
                [new("w", ElementType.Float32, [2]), new("steps", ElementType.Int64, []), new("v", ElementType.BFloat16, [1])], new Dictionary<string, string>());
            writer.WriteFloat32([i, i]);
            writer.Write(BitConverter.GetBytes((long)i));
            writer.WriteFloat32([i]);
            writer.Complete();
        }

        using var set = SnapshotSet.Open(directory.Root);
        var entry = PostHocReconstruction.Plan(set, [0.1]).Run(directory.Root)[0];
        using var file = SafetensorsFile.Open(directory[entry.File]);
        Assert.Equal(2, BitConverter.ToInt64(file.Bytes("steps")));
        Assert.Equal([2, 2], file.Float32("w"));
        Assert.Equal([2], file.Float32("v"));
    }

    [Fact]
    public void Run_OutputsInTheSameDirectory_AreNoInputsNextTime()
    {
        WriteRun(3, ElementType.Float16, [10]);
        Reconstruct(0.07);
        using (var catalogue = SnapshotCatalogue.Open(directory.Root))
        {
            Assert.Equal(7, catalogue.Reconcile().Added.Count);
        }

        using var set = SnapshotSet.Open(directory.Root);
        Assert.Equal(6, set.Profiles.Count);
    }

    [Fact]
    public void Run_SkipExisting_LeavesThemAlone()
    {
        WriteRun(3, ElementType.Float16, [10]);
        using var set = SnapshotSet.Open(directory.Root);
        File.WriteAllText(directory["phema-0000003-0.070.safetensors"], "mine");
        var entries = PostHocReconstruction.Plan(set, [0.07, 0.08]).Run(directory.Root, new ReconstructionOptions { SkipExisting = true });
        Assert.Equal(["phema-0000003-0.080.safetensors"], entries.Select(entry => entry.File));
        Assert.Equal("mine", File.ReadAllText(directory["phema-0000003-0.070.safetensors"]));
    }

    [Fact]
    public void Plan_ShortLengthFewSnapshots_WarnsWithTheError()
    {
        WriteRun(2, ElementType.Float16, [10]);
        using var set = SnapshotSet.Open(directory.Root);
        var plan = PostHocReconstruction.Plan(set, [0.01, 0.07]);
        Assert.True(plan.Outputs[0].Solution.ExpectedError > 0.1);
        Assert.Contains("Length 0.01 at 2048 images is reached only to", plan.Outputs[0].Warning, StringComparison.Ordinal);
        Assert.Null(PostHocReconstruction.Plan(set, [0.1]).Outputs[0].Warning);
    }

    [Fact]
    public void Run_Progress_EndsAtTheTotal()
    {
        WriteRun(2, ElementType.Float16, [200_000]);
        using var set = SnapshotSet.Open(directory.Root);
        var seen = new List<ReconstructionProgress>();
        PostHocReconstruction.Plan(set, [0.07]).Run(directory["out"], new ReconstructionOptions { MemoryBytes = 1, Threads = 1 }, new Recorder(seen));
        Assert.True(seen.Count > 3);
        Assert.Equal(seen[^1].TotalBytes, seen[^1].BytesRead);
    }

    [Fact]
    public void Run_Cancelled_LeavesNothing()
    {
        WriteRun(2, ElementType.Float16, [20_000]);
        using var set = SnapshotSet.Open(directory.Root);
        using var source = new CancellationTokenSource();
        var stop = new Recorder([], source.Cancel);
        Assert.ThrowsAny<OperationCanceledException>(() => PostHocReconstruction.Plan(set, [0.07]).Run(directory["out"], new ReconstructionOptions { MemoryBytes = 1, Threads = 1 }, stop, source.Token));
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory["out"]));
    }

    [Fact]
    public void Run_DamagedInputVerified_IsNamed()
    {
        WriteRun(2, ElementType.Float16, [100]);
        using var set = SnapshotSet.Open(directory.Root);
        byte[] bytes = File.ReadAllBytes(set.Paths[1]);
        bytes[^9] ^= 2;
        File.WriteAllBytes(set.Paths[1], bytes);
        var failure = Assert.Throws<DamagedFileException>(() => PostHocReconstruction.Plan(set, [0.07]).Run(directory["out"], new ReconstructionOptions { VerifyInputs = true }));
        Assert.Equal(set.Paths[1], failure.Path);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory["out"]));
    }

    [Fact]
    public void Open_MisfitSets_AreRefusedWithARemedy()
    {
        Refused(() => SnapshotSet.Open(directory.Root), "no snapshots named", "Check the directory");
        WriteRun(2, ElementType.Float16, [10]);
        Refused(() => SnapshotSet.Open(directory.Root, prefix: "other"), "no snapshots named other", "Check");
        Refused(() => SnapshotSet.Open(directory.Root, relativeStds: [0.3]), "of length 0.3", "Check");
        File.Copy(directory["network-snapshot-0000001-0.050.safetensors"], directory["copy-0000001-0.050.safetensors"]);
        Refused(() => SnapshotSet.Open(directory.Root), "are both the average of length 0.05 at 1024 images", "Remove one");
        Assert.Equal(4, Count(SnapshotSet.Open(directory.Root, prefix: "network-snapshot")));
        File.Delete(directory["copy-0000001-0.050.safetensors"]);
        WriteOne("other run", 3072, 0.05, ElementType.Float16, [10]);
        Refused(() => SnapshotSet.Open(directory.Root), "of run 'other run'", "within one run only");
        WriteOne("run", 3072, 0.05, ElementType.Float16, [11]);
        Refused(() => SnapshotSet.Open(directory.Root), "Tensor 't0' is F16 [10]", "different networks");
        WriteOne("run", 3072, 0.05, ElementType.Float16, [10, 3]);
        Refused(() => SnapshotSet.Open(directory.Root), "Tensor 't1'", "different networks");
        WriteOne("run", 3072, 0.05, ElementType.Float16, [10]);
        WriteOne("run", 0, 0.05, ElementType.Float16, [10]);
        Assert.Equal(5, Count(SnapshotSet.Open(directory.Root)));
    }

    [Fact]
    public void Plan_WhatCannotBeServed_IsRefusedWithARemedy()
    {
        WriteRun(2, ElementType.Float16, [10]);
        using var set = SnapshotSet.Open(directory.Root);
        Refused(() => PostHocReconstruction.Plan(set, []), "No lengths", "Give some");
        Refused(() => PostHocReconstruction.Plan(set, [0.289]), "0.289 is not in", "fractions of training time");
        Refused(() => PostHocReconstruction.Plan(set, [0.1], [4096]), "later than the last snapshot, 2048", "ask for 2048");
        Refused(() => PostHocReconstruction.Plan(set, [0.1], [1500]), "No snapshot was taken at 1500", "1024 or 2048");
        Refused(() => PostHocReconstruction.Plan(set, [0.1], [500]), "No snapshot was taken at 500", "Ask for 1024");
        Refused(() => PostHocReconstruction.Plan(set, [0.0701, 0.0702]).Run(directory["out"]), "would share the name", "different directories");
        Refused(() => PostHocReconstruction.Plan(set, [0.05]).Run(directory.Root, new ReconstructionOptions { Prefix = SnapshotName.Training }), "replace a snapshot", "another prefix");
        Assert.False(Directory.Exists(directory["out"]));
    }

    private static void Refused(Func<object> action, string fault, string remedy)
    {
        var failure = Assert.Throws<ReconstructionRefusedException>(action);
        Assert.Contains(fault, failure.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, failure.Message, StringComparison.Ordinal);
    }

    private static int Count(SnapshotSet set)
    {
        using (set)
        {
            return set.Profiles.Count;
        }
    }

    /// <summary>Every value by itself, inputs in order, as section 9.2 of the method says it.</summary>
    private static float[] Obvious(SnapshotSet set, PlannedReconstruction output, string tensor, ElementType wanted)
    {
        float[]? sum = null;
        for (int i = 0; i < output.InputCount; i++)
        {
            using var file = SafetensorsFile.Open(set.Paths[i]);
            float[] values = file.Float32(tensor);
            sum ??= new float[values.Length];
            for (int e = 0; e < values.Length; e++)
            {
                float product = values[e] * (float)output.Solution.Coefficients[i];
                sum[e] += product;
            }
        }

        return wanted == ElementType.Float32 ? sum! : [.. sum!.Select(value => (float)(Half)value)];
    }

    private void Reconstruct(double length)
    {
        using var set = SnapshotSet.Open(directory.Root);
        PostHocReconstruction.Plan(set, [length]).Run(directory.Root);
    }

    private void WriteRun(int times, ElementType type, int[] sizes)
    {
        for (int time = 1; time <= times; time++)
        {
            foreach (double std in Tracked)
            {
                WriteOne("run", time * 1024, std, type, sizes);
            }
        }
    }

    private void WriteOne(string run, long images, double std, ElementType type, int[] sizes)
    {
        var random = new Random((int)(images + std * 1000));
        new SnapshotWriter(directory.Root, elementType: type).Write(
            new SnapshotInfo { RunId = run, ImagesSeen = images, RelativeStd = std },
            [.. sizes.Select((size, i) => new SnapshotTensor($"t{i}", [size])), new("freqs", [7], IsBuffer: true)],
            index => Enumerable.Range(0, index < sizes.Length ? sizes[index] : 7).Select(_ => random.NextSingle() * 2 - 1).ToArray());
    }

    private sealed class Recorder(List<ReconstructionProgress> seen, Action? then = null) : IProgress<ReconstructionProgress>
    {
        public void Report(ReconstructionProgress value)
        {
            seen.Add(value);
            then?.Invoke();
        }
    }
}
