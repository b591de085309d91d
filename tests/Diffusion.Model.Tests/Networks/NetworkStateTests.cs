using Diffusion.Evaluation.Golden;
using Diffusion.Model.Networks;

namespace Diffusion.Model.Tests.Networks;

public class NetworkStateTests
{
    [Fact]
    public void Initialize_RecordedSeed_DrawsRecordedValues()
    {
        using var golden = GoldenFiles.Case("edm2_network");
        using var network = ModelParts.CreateNetwork(GoldenNetwork.Options(golden.Json["config"]!.AsObject()));
        using var schedules = GoldenFiles.Case("schedules");
        using var generator = TestNetworks.Seeded(0);

        network.Initialize(generator);

        var rows = schedules.Json["init_checksum"]!["tensors"]!.AsArray().Select(row => row!.AsObject()).ToList();
        Assert.Equal(rows.Select(row => row["name"]!.GetValue<string>()), network.StateOrder.Select(place => place.Name));
        foreach (var (row, place) in rows.Zip(network.StateOrder))
        {
            using var scope = torch.NewDisposeScope();
            var values = place.Value.to(ScalarType.Float64).flatten();
            Assert.Equal(row.Number("sum"), values.sum().item<double>(), 1e-6);
            Assert.Equal(row.Number("sumsq"), values.square().sum().item<double>(), 1e-5);
            Assert.Equal(row["first"]!.AsArray().Select(value => value!.GetValue<double>()), values.data<double>().ToArray().Take(3), (a, b) => Math.Abs(a - b) < 1e-6);
        }
    }

    [Fact]
    public void LoadState_MissingUnknownAndMisshapen_AreAllNamed()
    {
        using var network = TestNetworks.Create();
        using var scope = torch.NewDisposeScope();
        var state = network.ReadState().ToDictionary(pair => pair.Key, pair => pair.Value);
        state.Remove("unet.out_gain");
        state["unet.out_conv.weight"] = torch.zeros(1, 2);
        state["extra"] = torch.zeros(1);

        var exception = Assert.Throws<ArgumentException>(() => network.LoadState(state));

        Assert.All(new[] { "unet.out_gain is missing", "unet.out_conv.weight is [1, 2]", "extra is unknown" }, part => Assert.Contains(part, exception.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void LoadState_HalfPrecision_IsWidened()
    {
        using var scope = torch.NewDisposeScope();
        using var source = TestNetworks.Create();
        using var target = ModelParts.CreateNetwork(TestNetworks.Options());

        target.LoadState(source.ReadState().ToDictionary(pair => pair.Key, pair => pair.Value.to(ScalarType.Float16)));

        Assert.All(target.StateOrder, place => Assert.Equal(ScalarType.Float32, place.Value.dtype));
        Assert.True(TestNetworks.Difference(source.Parameters[1].Value, target.Parameters[1].Value) < 2e-3);
    }

    [Fact]
    public void Value_BoundToArena_NetworkComputesFromTheArena()
    {
        using var scope = torch.NewDisposeScope();
        using var guard = torch.no_grad();
        using var network = TestNetworks.Create();
        var x = torch.ones(1, 2, 8, 8);
        var sigma = torch.tensor(0.5f);
        var before = network.Denoise(x, sigma).Denoised;

        var arena = torch.zeros(network.ParameterCount());
        long at = 0;
        foreach (var parameter in network.Parameters)
        {
            var view = arena.narrow(0, at, parameter.ElementCount).view([.. parameter.Shape]);
            view.copy_(parameter.Value);
            parameter.Value = view;
            at += parameter.ElementCount;
        }

        Assert.Equal(0, TestNetworks.Difference(before, network.Denoise(x, sigma).Denoised));
        arena.mul_(0);
        Assert.NotEqual(0, TestNetworks.Difference(before, network.Denoise(x, sigma).Denoised));
    }

    [Fact]
    public void Value_WrongShape_IsRefused()
    {
        using var network = TestNetworks.Create();
        using var wrong = torch.zeros(3);

        Assert.Throws<ArgumentException>(() => network.Parameters[1].Value = wrong);
    }

    [Fact]
    public void Value_NeverBound_SaysWhatToDo()
    {
        using var network = ModelParts.CreateNetwork(TestNetworks.Options());

        Assert.Contains("Initialize", Assert.Throws<InvalidOperationException>(() => network.Parameters[0].Value).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Exchange_Replacement_LeavesTheOldTensorToTheCaller()
    {
        using var network = TestNetworks.Create();
        using var replacement = torch.ones([]);

        using var previous = network.Parameters[0].Exchange(replacement.clone());

        Assert.Equal(0.5f, previous!.item<float>());
        Assert.Equal(1f, network.Parameters[0].Value.item<float>());
    }
}
