using System.Text.Json.Nodes;
using Diffusion.Evaluation.Golden;

namespace Diffusion.Evaluation.Tests.Golden;

public class GoldenRunnerTests
{
    [Fact]
    public void Run_AllRecordedCases_EveryPartPasses()
    {
        var results = new GoldenRunner().Run(GoldenFiles.Root, CancellationToken.None).ToList();

        Assert.True(results.All(result => result.Verdict == GoldenVerdict.Passed), string.Join('\n', results.Where(result => result.Verdict != GoldenVerdict.Passed)));
        using var library = GoldenLibrary.Open(GoldenFiles.Root);
        Assert.Equal(library.Cases.Select(golden => golden.Name).Distinct(), results.Select(result => result.Case).Distinct());
    }

    /// <summary>A check that cannot fail proves nothing: each part is broken in turn and must be the one that fails.</summary>
    [Theory]
    [InlineData("phema.json", "std_to_exp/3/exp", 1e-6, "std_to_exp")]
    [InlineData("phema.json", "exp_to_std/2/std", 1e-9, "exp_to_std")]
    [InlineData("phema.json", "beta/4/beta", 1e-9, "beta")]
    [InlineData("phema.json", "correlation/1/value", 1e-12, "correlation")]
    [InlineData("phema.json", "response/0/resp/19", 1e-9, "response")]
    [InlineData("phema.json", "solve/4/coefs/2/1", 1e-3, "solve[4].coefs")]
    [InlineData("phema.json", "solve/2/column_sums/0", 1e-6, "solve[2].column_sums")]
    [InlineData("phema_reconstruct_tiny.json", "coefs/6/1", 1e-5, "coefs")]
    [InlineData("phema_reconstruct_tiny.json", "used_inputs/0", 0, "used_inputs")]
    [InlineData("phema_reconstruct_tiny.json", "inputs/7/nimg", 2048, "coefs")]
    [InlineData("schedules.json", "learning_rate/2/lr", 1e-9, "learning_rate")]
    [InlineData("schedules.json", "traditional_ema_beta/1/beta", 1e-9, "traditional_ema_beta")]
    [InlineData("schedules.json", "t_steps/0/t/3", 1e-3, "t_steps")]
    [InlineData("schedules.json", "t_steps/3/t/3", 1e-9, "t_steps")]
    [InlineData("schedules.json", "seed_from_tuple/4/seed", 1, "seed_from_tuple")]
    [InlineData("schedules.json", "infinite_sampler/4/indices/7", 1, "infinite_sampler")]
    [InlineData("schedules.json", "dataset_max_size_subset/1/raw_idx/6", 1, "dataset_max_size_subset")]
    [InlineData("schedules.json", "kimg_to_nimg/3/nimg", 1024, "kimg_to_nimg")]
    [InlineData("schedules.json", "snapshot_names/2/std", 0.05, "snapshot_names")]
    [InlineData("schedules.json", "parse_std_list/2/out/4", 1e-9, "parse_std_list")]
    [InlineData("schedules.json", "parse_nimg/1/out", 1, "parse_nimg")]
    [InlineData("schedules.json", "seed_batches/1/per_rank/1/0/2", 1, "seed_batches")]
    [InlineData("schedules.json", "seed_noise_seeds/2", 1, "seed_noise")]
    [InlineData("frechet.json", "cases/0/fd", 1e-3, "d8.fd")]
    [InlineData("dataset_small/expected.json", "dhariwal/labels/3/1", -1, "dhariwal.archive.labels")]
    [InlineData("dataset_small/expected.json", "wide/count", 1, "wide.convert.count")]
    [InlineData("dataset_small/expected.json", "stretch/args/1", 0, "stretch.convert")]
    [InlineData("dataset_small/expected.json", "center_crop/entries/3", 0, "center_crop.convert.entries")]
    [InlineData("dataset_small/expected.json", "wide/stored_uncompressed", 0, "wide.convert.stored_uncompressed")]
    [InlineData("dataset_small/expected.json", "wide/dataset_json/labels/7/1", -1, "wide.convert.dataset_json")]
    [InlineData("dataset_small/expected.json", "latents/image_shape/0", -4, "latents.archive.image_shape")]
    [InlineData("dataset_small/expected.json", "latents/label_dim", 1, "latents.archive.label_dim")]
    [InlineData("dataset_small/expected.json", "options/details/2/raw_idx", 1, "options.details")]
    [InlineData("dataset_small/expected.json", "options/label_shape/0", 3, "options.label_shape")]
    public void Run_NumberChanged_ThatPartFails(string file, string path, double by, string part)
    {
        using var copy = new CaseCopy(file);
        copy.Corrupt(path, by);

        Assert.Contains(part, Failed(copy.Run()));
    }

    [Theory]
    [InlineData("phema_reconstruct_tiny.json", "phema-0000008-0.075.layers.2.weight")]
    [InlineData("phema_reconstruct_tiny.json", "phema-0000008-0.150.some_buffer")]
    [InlineData("schedules.json", "seed_noise")]
    [InlineData("schedules.json", "seed_noise_second_draw")]
    [InlineData("schedules.json", "seed_labels")]
    [InlineData("frechet.json", "d32_rank_deficient.mu_ref")]
    [InlineData("frechet.json", "d8.sigma_gen")]
    [InlineData("dataset_small/expected.json", "dhariwal")]
    [InlineData("dataset_small/expected.json", "latents")]
    public void Run_TensorChanged_ThatPartAloneFails(string file, string tensor)
    {
        using var copy = new CaseCopy(file);
        copy.CorruptTensor(tensor);

        Assert.All(Failed(copy.Run()), part => Assert.StartsWith(tensor, part, StringComparison.Ordinal));
        Assert.NotEmpty(Failed(copy.Run()));
    }

    [Fact]
    public void Run_NetworkOfInitialWeightsNotRecorded_IsSkippedByName()
    {
        using var copy = new CaseCopy("schedules.json");

        var skipped = copy.Run().Where(result => result.Verdict == GoldenVerdict.Skipped);

        Assert.Equal("init_checksum", Assert.Single(skipped).Part);
    }

    [Fact]
    public void Run_InitialWeightsWithTheirOwnConfiguration_AreComparedAndCanFail()
    {
        using var copy = new CaseCopy("schedules.json");
        var config = JsonNode.Parse(File.ReadAllText(GoldenFiles.Path("edm2_tiny.json")))!["config"]!.DeepClone();
        copy.Edit(description => description["init_checksum"]!["config"] = config);
        Assert.Empty(Failed(copy.Run()));

        copy.Corrupt("init_checksum/tensors/5/sum", 0.01);

        Assert.Equal(["init_checksum.tensors"], Failed(copy.Run()));
    }

    [Theory]
    [InlineData("phema.json")]
    [InlineData("phema_reconstruct_tiny.json")]
    [InlineData("schedules.json")]
    [InlineData("frechet.json")]
    [InlineData("dataset_small/expected.json")]
    public void Run_PartOfAnotherProgram_IsSkippedByNameAndTheRestRuns(string file)
    {
        using var copy = new CaseCopy(file);
        copy.Edit(description => description["novelty"] = new JsonArray(new JsonObject { ["x"] = 1 }));

        var results = copy.Run();

        Assert.Contains(results, result => result is { Part: "novelty", Verdict: GoldenVerdict.Skipped });
        Assert.Contains(results, result => result.Verdict == GoldenVerdict.Passed);
        Assert.Empty(Failed(results));
    }

    /// <summary>Parts of a case stand alone: with all others taken out, each still runs, or says why it cannot.</summary>
    [Theory]
    [InlineData("phema.json")]
    [InlineData("phema_reconstruct_tiny.json")]
    [InlineData("schedules.json")]
    [InlineData("dataset_small/expected.json")]
    public void Run_OnePartAlone_NeverFails(string file)
    {
        string[] keys;
        using (var whole = new CaseCopy(file))
        {
            keys = [];
            whole.Edit(description => keys = [.. description.Where(pair => pair.Value is JsonArray or JsonObject).Select(pair => pair.Key)]);
        }

        foreach (string key in keys)
        {
            using var copy = new CaseCopy(file);
            copy.Edit(description => keys.Where(other => other != key).ToList().ForEach(other => description.Remove(other)));
            var results = copy.Run();
            Assert.NotEmpty(results);
            Assert.True(Failed(results).Count == 0, $"{key}: {string.Join('\n', results)}");
        }
    }

    [Fact]
    public void Run_TensorsTakenAway_AreSaidToBeMissing()
    {
        using var copy = new CaseCopy("frechet.json");
        File.Delete(copy.In("frechet.safetensors"));

        var results = copy.Run();

        Assert.Contains(results, result => result is { Part: "tensors_file", Verdict: GoldenVerdict.Skipped });
        Assert.Empty(Failed(results));
    }

    [Theory]
    [InlineData("""{ "kind": "phema", "std_to_exp": [ { "std": "wide" } ] }""")]
    [InlineData("""{ "kind": "phema", "beta": [ 3 ] }""")]
    [InlineData("""{ "kind": "phema", "solve": [ { "in_ofs": [1, 2], "in_std": [0.1], "out_ofs": 2, "out_std": [0.1], "coefs": [] } ] }""")]
    [InlineData("""{ "kind": "phema", "kind": "phema" }""")]
    [InlineData("""{ "kind": "phema", """)]
    [InlineData("""{ "kind": "phema_reconstruct", "inputs": [ { "nimg": 3 } ], "out_std": [0.1] }""")]
    [InlineData("""{ "kind": "schedules", "t_steps": [ { "num_steps": 1, "t": [1] } ] }""")]
    [InlineData("""{ "kind": "schedules", "init_checksum": [] }""")]
    [InlineData("""{ "kind": "frechet", "cases": [ 1 ] }""")]
    [InlineData("""{ "kind": "dataset", "x": { "args": ["--resolution", "axb"] } }""")]
    [InlineData("""{ "kind": "edm2_sampler", "cases": [ { } ] }""")]
    [InlineData("""{ "kind": "edm2_network", "config": 3 , "state_dict_order": 4 }""", GoldenVerdict.Skipped)]
    public void Run_MalformedCase_IsSaidAndTheOthersRun(string json, GoldenVerdict verdict = GoldenVerdict.Failed)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("broken.json"), json);
        File.WriteAllText(folder.In("fine.json"), """{ "kind": "phema", "exp_to_std": [ { "exp": 0, "std": 0.28867513459481287 } ] }""");

        var results = new GoldenRunner().Run(folder.Path, CancellationToken.None).ToList();

        Assert.Contains(results[..^1], result => result.Verdict == verdict);
        Assert.DoesNotContain(results[..^1], result => result.Verdict == GoldenVerdict.Passed);
        Assert.Equal(GoldenVerdict.Passed, results[^1].Verdict);
        Assert.All(results, result => Assert.DoesNotContain('\n', result.ToString()));
    }

    [Fact]
    public void Run_DamagedTensors_FailThatCaseOnly()
    {
        using var copy = new CaseCopy("frechet.json");
        File.WriteAllBytes(copy.In("frechet.safetensors"), [1, 2, 3]);
        File.WriteAllText(copy.In("odd.json"), """{ "kind": "entropy", "name": "odd", "x": 1 }""");

        var results = copy.Run();

        Assert.Equal([("frechet", GoldenVerdict.Failed), ("odd", GoldenVerdict.Skipped)], results.Select(result => (result.Case, result.Verdict)));
        Assert.Contains("entropy", results[1].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_InfinityAsPythonWritesIt_IsRead()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.In("a.json"), """{ "kind": "schedules", "traditional_ema_beta": [ { "cur_nimg": 100, "batch_size": 4, "halflife_Mimg": Infinity, "rampup_ratio": null, "beta": 1 } ] }""");

        Assert.Equal(GoldenVerdict.Passed, Assert.Single(new GoldenRunner().Run(folder.Path, CancellationToken.None)).Verdict);
    }

    private static IReadOnlyList<string> Failed(IEnumerable<GoldenResult> results) => [.. results.Where(result => result.Verdict == GoldenVerdict.Failed).Select(result => result.Part)];
}
