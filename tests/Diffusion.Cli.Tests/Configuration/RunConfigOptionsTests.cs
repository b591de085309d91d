using System.CommandLine;
using Diffusion.Cli.Configuration;
using Diffusion.Contracts.Configuration;
using Diffusion.Model.Networks;
using Diffusion.Snapshots.Safetensors;

namespace Diffusion.Cli.Tests.Configuration;

public sealed class RunConfigOptionsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Read_NothingGiven_IsTheDefaultPreset() => Assert.Equal(RunPresets.Get("shapes-16").Digest(), Read().Digest());

    [Fact]
    public void Read_NamedOptions_SetTheirKeys()
    {
        var config = Read("--batch", "64", "--lr", "0.01", "--duration", "64Ki", "--p-mean", "-1.2", "--channels", "48", "--cond", "false", "--ema", "0.05,0.1,0.15", "--precision", "bfloat16");

        Assert.Equal(64, config.Training.BatchSize);
        Assert.Equal(0.01, config.Training.LearningRate);
        Assert.Equal(65536, config.Training.DurationImages);
        Assert.Equal(-1.2, config.Noise.Options["mean"]!.GetValue<double>());
        Assert.Equal(48, config.Network.Options["modelChannels"]!.GetValue<long>());
        Assert.False(config.Data.ClassConditional);
        Assert.Equal([0.05, 0.1, 0.15], config.Averaging.RelativeStds);
        Assert.Equal(ComputePrecision.BFloat16, config.Training.Precision);
    }

    [Fact]
    public void Read_PublishedTrainOptions_AreAllUnderstood()
    {
        var config = Read(
            "--preset", "edm2-img64-s", "--data", "images.zip", "--cond", "false", "--batch", "1024", "--batch-gpu", "32", "--duration", "512Mi", "--channels", "64", "--lr", "0.005", "--decay", "1000", "--dropout", "0.2",
            "--P_mean", "-0.5", "--P_std", "1.1", "--fp16", "false", "--ls", "100", "--seed", "7", "--status", "64Ki", "--snapshot", "4Mi", "--checkpoint", "32Mi");

        Assert.Equal((1024, 32, 512L << 20), (config.Training.BatchSize, config.Training.MicroBatchSize, config.Training.DurationImages));
        Assert.Equal((0.005, 1000, 100), (config.Training.LearningRate, config.Training.DecayBatches, config.Training.LossScale));
        Assert.Equal((64L << 10, 4L << 20, 32L << 20), (config.Training.StatusImages, config.Training.SnapshotImages, config.Training.CheckpointImages));
        Assert.Equal((7, ComputePrecision.Float32, false), (config.Seed, config.Training.Precision, config.Data.ClassConditional));
        Assert.Equal((64, 0.2), (config.Network.Options["modelChannels"]!.GetValue<long>(), config.Network.Options["dropout"]!.GetValue<double>()));
        Assert.Equal((-0.5, 1.1), (config.Noise.Options["mean"]!.GetValue<double>(), config.Noise.Options["std"]!.GetValue<double>()));
        Assert.Equal(ComputePrecision.Float16, Read("--fp16", "true").Training.Precision);
    }

    [Fact]
    public void Read_EveryPrecisionOffered_IsUnderstood() =>
        Assert.Equal(Enum.GetValues<ComputePrecision>(), new[] { "float32", "float16", "bfloat16" }.Select(p => Read("--precision", p).Training.Precision));

    [Fact]
    public void Read_Set_WinsOverNamedOptions() => Assert.Equal(128, Read("--batch", "64", "--set", "training.batchSize=128").Training.BatchSize);

    [Fact]
    public void Read_SetUnknownKey_SuggestsTheNearest() =>
        Assert.Contains("training.batchsize is not a known key. Did you mean 'batchSize'?", Refused("--set", "training.batchsize=64"));

    [Fact]
    public void Read_SetUnknownGroup_SuggestsTheNearest() => Assert.Contains("Did you mean 'training'?", Refused("--set", "trainin.batchSize=64"));

    [Fact]
    public void Read_SetWithoutValue_SaysHowToWriteIt() => Assert.Contains("KEY=VALUE", Refused("--set", "seed"));

    [Fact]
    public void Read_UnknownPreset_SuggestsTheNearest() => Assert.Contains("Did you mean 'shapes-16'?", Refused("--preset", "shape-16"));

    [Fact]
    public void Read_File_OverlaysThePreset()
    {
        File.WriteAllText(folder.In("run.json"), """{ "seed": 7, "training": { "batchSize": 16 }, "network": { "modelChannels": 16 } }""");
        var config = Read("--preset", "shapes-16", "--config", folder.In("run.json"));

        Assert.Equal(7, config.Seed);
        Assert.Equal(16, config.Training.BatchSize);
        Assert.Equal(0.02, config.Training.LearningRate);
        Assert.Equal(1, config.Network.Options["numBlocks"]!.GetValue<long>());
    }

    [Fact]
    public void Read_SavedConfig_IsTheSameRunAgain()
    {
        var config = Read("--batch", "64", "--seed", "3");
        File.WriteAllText(folder.In("run.json"), StrictJson.Write(config));

        Assert.Equal(config.Digest(), Read("--config", folder.In("run.json")).Digest());
    }

    [Fact]
    public void Read_FileWithUnknownKey_NamesIt()
    {
        File.WriteAllText(folder.In("run.json"), """{ "sed": 7 }""");

        Assert.Contains("Did you mean 'seed'?", Refused("--config", folder.In("run.json")));
    }

    [Fact]
    public void Read_InitFrom_IsTheSameRunWhereverTheFileIs()
    {
        WriteWeights("a.safetensors", 1);
        WriteWeights("b.safetensors", 1);
        WriteWeights("c.safetensors", 2);

        var config = Read("--init-from", folder.In("a.safetensors"));

        Assert.Equal(folder.In("a.safetensors"), config.Initialization!.Path);
        Assert.Equal(config.Digest(), Read("--init-from", folder.In("b.safetensors")).Digest());
        Assert.NotEqual(config.Digest(), Read("--init-from", folder.In("c.safetensors")).Digest());
        Assert.NotEqual(config.Digest(), Read().Digest());
        Assert.Empty(config.Problems());

        // A saved run names its content; it is resumed without the file.
        File.WriteAllText(folder.In("run.json"), StrictJson.Write(config));
        File.Delete(folder.In("a.safetensors"));
        Assert.Equal(config.Digest(), Read("--config", folder.In("run.json")).Digest());
    }

    [Fact]
    public void Read_InitFromNoFile_SaysWhatToGive() => Assert.Contains("Give a safetensors file", Refused("--init-from", folder.In("none.safetensors")));

    [Fact]
    public void Read_InitFromOtherFormat_IsRefused()
    {
        File.WriteAllText(folder.In("w.pkl"), "no weights");

        Assert.Contains("w.pkl", Refused("--init-from", folder.In("w.pkl")));
    }

    [Fact]
    public void RequireFit_WeightsOfAnotherNetwork_NamesTheTensors()
    {
        WriteWeights("w.safetensors", 1);
        var config = Read("--init-from", folder.In("w.safetensors"));

        string refusal = Assert.Throws<ConfigurationException>(() => StartingWeights.RequireFit(config, new ImageShape(16, 3, 10))).Message;

        Assert.Contains("unet.emb_noise.weight is missing", refusal);
        Assert.Contains("unet.out_gain is [2], not []", refusal);
    }

    [Fact]
    public void Flatten_EveryKey_HasAValue() => Assert.All(RunConfigOptions.Flatten(Read()), row => Assert.NotNull(row.Value));

    [Theory]
    [InlineData("5,8-10", new long[] { 5, 8, 9, 10 })]
    [InlineData("3", new long[] { 3 })]
    public void Seeds_List_IsRead(string text, long[] expected) => Assert.Equal(expected, Lists.Seeds("--seeds", text));

    [Theory]
    [InlineData("9-5")]
    [InlineData("a")]
    [InlineData("1-2-3")]
    [InlineData("0-99999999999")]
    public void Seeds_BadList_IsRefused(string text) => Assert.Throws<ConfigurationException>(() => Lists.Seeds("--seeds", text));

    private void WriteWeights(string name, float value)
    {
        using var writer = SafetensorsWriter.Create(folder.In(name), [new TensorSpec("unet.out_gain", ElementType.Float32, [2])], new Dictionary<string, string> { ["name"] = name });
        writer.WriteFloat32([value, value]);
        writer.Complete();
    }

    private static RunConfig Read(params string[] arguments)
    {
        var options = new RunConfigOptions();
        var command = new Command("test");
        options.AddTo(command);
        var result = command.Parse(arguments);
        Assert.Empty(result.Errors);
        return options.Read(result);
    }

    private static string Refused(params string[] arguments) => Assert.Throws<ConfigurationException>(() => Read(arguments)).Message;
}
