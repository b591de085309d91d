using Diffusion.Contracts.Configuration;

namespace Diffusion.Contracts.Tests.Configuration;

/// <summary>Proves that a configuration is read strictly, refused with every fault at once, and identified by what it computes.</summary>
public sealed class RunConfigTests
{
    public static TheoryData<string> Presets => new(RunPresets.Names);

    [Theory]
    [MemberData(nameof(Presets))]
    public void Problems_EveryPreset_HasNone(string name) => Assert.Empty(RunPresets.Get(name).Problems());

    [Theory]
    [MemberData(nameof(Presets))]
    public void Parse_WrittenPreset_IsTheSamePreset(string name)
    {
        var preset = RunPresets.Get(name);
        var read = StrictJson.Parse<RunConfig>(StrictJson.Write(preset), "test");
        Assert.Equal(preset.Digest(), read.Digest());
    }

    [Fact]
    public void Get_MisspeltPreset_SuggestsTheNearest()
    {
        var e = Assert.Throws<ConfigurationException>(() => RunPresets.Get("edm2-img512-sx"));
        Assert.Contains("edm2-img512-", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_UnknownKeys_NamesAllWithTheNearestKnown()
    {
        var e = Assert.Throws<ConfigurationException>(() => StrictJson.Parse<RunConfig>("""{ "sharts": 4, "training": { "batchsize": 32 } }""", "run.json"));
        Assert.Equal(2, e.Problems.Count);
        Assert.Contains("sharts is not a known key. Did you mean 'shards'?", e.Message, StringComparison.Ordinal);
        Assert.Contains("training.batchsize is not a known key. Did you mean 'batchSize'?", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_WrongType_NamesThePath()
    {
        var e = Assert.Throws<ConfigurationException>(() => StrictJson.Parse<RunConfig>("""{ "training": { "batchSize": "many" } }""", "run.json"));
        Assert.Contains("training.batchSize", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{ \"seed\": ")]
    [InlineData("")]
    [InlineData("{ \"network\": { \"modelChannels\": 3 } }")]
    public void Parse_NoConfiguration_IsRefused(string text) => Assert.Throws<ConfigurationException>(() => StrictJson.Parse<RunConfig>(text, "run.json"));

    [Fact]
    public void Problems_SeveralFaults_AreAllNamedWithARemedy()
    {
        var config = RunPresets.Get(RunPresets.Default) with { Shards = 6 };
        config = config with
        {
            Training = config.Training with { SnapshotImages = 1_000_001, LearningRate = -1 },
            Averaging = config.Averaging with { RelativeStds = [0.05, 0.05, 0.4] },
        };
        var problems = config.Problems().ToArray();
        Assert.Contains(problems, p => p.Contains("shards is 6", StringComparison.Ordinal));
        Assert.Contains("training.snapshotImages is 1000001, not a multiple of training.batchSize 32. Try 1000000.", problems);
        Assert.Contains(problems, p => p.StartsWith("training.learningRate is -1", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("0.4", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("twice", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(2048, 1024, null)]
    [InlineData(5120 + 896, 1024, null)]
    [InlineData(2048 + 512, 1024, "the one at 2048 images")]
    [InlineData(512, 1024, null)]
    public void Problems_LastSnapshotWithTheNameOfAnother_IsRefusedWithWhatFits(int duration, int interval, string? told)
    {
        var config = new RunConfig { Shards = 4, Training = new TrainingConfig { BatchSize = 64, DurationImages = duration, StatusImages = 0, SnapshotImages = interval, CheckpointImages = 0 } };
        Assert.Equal(told is null, !config.Problems().Any());
        foreach (string problem in config.Problems())
        {
            Assert.Contains(told!, problem, StringComparison.Ordinal);
            foreach (string tried in problem.Split("Try ")[1].TrimEnd('.').Split(", or "))
            {
                Assert.Empty((config with { Training = config.Training with { DurationImages = long.Parse(tried, System.Globalization.CultureInfo.InvariantCulture) } }).Problems());
            }
        }
    }

    [Theory]
    [InlineData(33, 4)]
    [InlineData(30, 4)]
    [InlineData(5, 8)]
    public void Problems_BatchNotDivisibleByShards_SuggestsOneThatIs(int batch, int shards)
    {
        var config = new RunConfig { Shards = shards, Training = new TrainingConfig { BatchSize = batch, DurationImages = batch, StatusImages = 0, SnapshotImages = 0, CheckpointImages = 0 } };
        string problem = Assert.Single(config.Problems());
        int tried = int.Parse(problem.Split("Try ")[1].Split(',')[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(0, tried % shards);
        Assert.True(tried > 0, problem);
    }

    [Fact]
    public void Digest_AnotherPathToTheData_IsTheSame()
    {
        var a = RunPresets.Get(RunPresets.Default);
        Assert.Equal(a.Digest(), (a with { Data = a.Data with { Path = "/elsewhere" } }).Digest());
        Assert.NotEqual(a.Digest(), (a with { Seed = 1 }).Digest());
        Assert.NotEqual(a.Digest(), (a with { Network = a.Network.With("numBlocks", 2) }).Digest());
    }

    [Fact]
    public void Digest_StartingWeights_CountByContentNotByPlace()
    {
        var drawn = RunPresets.Get(RunPresets.Default);
        var given = drawn with { Initialization = new InitializationConfig { Path = "/here/w.safetensors", ContentId = new string('a', 64) } };
        Assert.DoesNotContain("initialization", StrictJson.Write(drawn), StringComparison.Ordinal);
        Assert.NotEqual(drawn.Digest(), given.Digest());
        Assert.Equal(given.Digest(), (given with { Initialization = given.Initialization with { Path = "/there/w.safetensors" } }).Digest());
        Assert.NotEqual(given.Digest(), (given with { Initialization = given.Initialization with { ContentId = new string('b', 64) } }).Digest());
        Assert.Equal(given.Initialization, StrictJson.Parse<RunConfig>(StrictJson.Write(given), "test").Initialization);
    }

    [Fact]
    public void Problems_StartingWeightsWithoutPathOrWithOddContent_AreNamed()
    {
        var config = RunPresets.Get(RunPresets.Default) with { Initialization = new InitializationConfig { ContentId = "12" } };
        Assert.Equal(["initialization.contentId", "initialization.path"], config.Problems().Select(p => p.Split(' ')[0]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("128Ki", 131072)]
    [InlineData("8Mi", 8388608)]
    [InlineData("45056", 45056)]
    [InlineData("0", 0)]
    public void ImageCount_SuffixesArePowersOfTwo_AndRoundTrip(string text, long images)
    {
        Assert.Equal(images, ImageCount.Parse(text));
        Assert.Equal(images, ImageCount.Parse(ImageCount.Format(images)));
    }

    [Theory]
    [InlineData("12k")]
    [InlineData("-1")]
    [InlineData("9999999999Gi")]
    [InlineData("")]
    [InlineData("1.5Mi")]
    public void ImageCount_WhatIsNoCount_IsRefused(string text) => Assert.Throws<FormatException>(() => ImageCount.Parse(text));
}
