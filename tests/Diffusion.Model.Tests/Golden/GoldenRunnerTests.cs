using Diffusion.Evaluation.Golden;

namespace Diffusion.Model.Tests.Golden;

public class GoldenRunnerTests
{
    [Theory]
    [InlineData("edm2_ops")]
    [InlineData("edm2_network")]
    [InlineData("edm2_sampler")]
    public void Run_RecordedCases_AllPartsAgree(string kind)
    {
        using var library = GoldenLibrary.Open(GoldenFiles.Directory);
        var runner = new GoldenRunner();

        var results = library.Cases.Where(golden => golden.Kind == kind).SelectMany(golden => runner.Run(golden, library)).ToList();

        Assert.NotEmpty(results);
        Assert.True(results.All(result => result.Verdict == GoldenVerdict.Passed), string.Join('\n', results.Where(result => result.Verdict != GoldenVerdict.Passed)));
    }

    [Fact]
    public void Run_NetworkCase_CoversEveryRecordedTensor()
    {
        using var library = GoldenLibrary.Open(GoldenFiles.Directory);
        var golden = library.Cases.First(candidate => candidate.Kind == "edm2_network");
        string[] inputs = ["state0.", "in.", "loss.images", "loss.labels", "loss.rnd_normal", "loss.noise", "step"];

        var compared = new GoldenRunner().Run(golden, library).Select(result => result.Part).ToHashSet();

        string[] recorded = [.. golden.TensorNames.Where(name => !inputs.Any(input => name.StartsWith(input, StringComparison.Ordinal)))];
        Assert.Equal([], recorded.Except(compared));
    }

    [Fact]
    public void Run_UnknownKind_IsSkippedByName()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllText(Path.Combine(directory.FullName, "a.json"), """{ "kind": "no_such_kind", "name": "odd" }""");
            File.WriteAllText(Path.Combine(directory.FullName, "b.json"), """{ "name": "no case at all" }""");
            File.WriteAllText(Path.Combine(directory.FullName, "c.json"), "[");

            var result = Assert.Single(new GoldenRunner().Run(directory.FullName, CancellationToken.None));

            Assert.Equal(("odd", GoldenVerdict.Skipped), (result.Case, result.Verdict));
            Assert.Contains("no_such_kind", result.Remark, StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Run_CaseThatCannotBeComputed_FailsWithTheReason()
    {
        var directory = Directory.CreateTempSubdirectory();
        try
        {
            File.WriteAllText(Path.Combine(directory.FullName, "a.json"), """{ "kind": "edm2_ops", "cases": [{ "op": "mp_silu" }] }""");

            var result = Assert.Single(new GoldenRunner().Run(directory.FullName, CancellationToken.None));

            Assert.Equal(GoldenVerdict.Failed, result.Verdict);
            Assert.NotNull(result.Remark);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }
}
