using Diffusion.Contracts.Configuration;

namespace Diffusion.Contracts.Tests.Configuration;

/// <summary>Devices by name, on boxes with and without GPUs.</summary>
public sealed class DeviceListTests
{
    private static readonly GpuInventory None = new([], "NVIDIA's driver is not on this box.");
    private static readonly GpuInventory Three = new(["H200", "H200", "A100"], "");

    [Theory]
    [InlineData("cpu", "cpu:1", 0)]
    [InlineData("cpu:2", "cpu:2", 0)]
    [InlineData("auto", "cpu:1", 0)]
    [InlineData("auto", "cuda:0,cuda:1,cuda:2", 3)]
    [InlineData("cuda", "cuda:0,cuda:1,cuda:2", 3)]
    [InlineData("cuda:2", "cuda:2", 3)]
    [InlineData("cuda:2,cuda:0", "cuda:2,cuda:0", 3)]
    [InlineData("cuda:0,1", "cuda:0,cuda:1", 3)]
    [InlineData("cpu:256", "cpu:256", 3)]
    public void Parse_KnownForm_NamesADevicePerRank(string text, string expected, int gpus)
    {
        var list = DeviceList.Parse("--devices", text, () => gpus == 0 ? None : Three);

        Assert.Equal(expected, list.ToString());
        Assert.Equal(list.ToString(), DeviceList.Parse("--devices", list.ToString(), () => Three).ToString());
    }

    [Theory]
    [InlineData("cuda:3", 3, "no cuda:3. Here are cuda:0 (H200), cuda:1 (H200), cuda:2 (A100)")]
    [InlineData("cuda:1,cuda:1", 3, "names cuda:1 twice")]
    [InlineData("cuda:0,cpu:2", 3, "mixes the processor and GPUs")]
    [InlineData("cpu:2,cuda", 3, "mixes the processor and GPUs")]
    [InlineData("cuda:0", 0, "there is no GPU here. NVIDIA's driver is not on this box. Without one write cpu:N")]
    [InlineData("cuda", 0, "there is no GPU here")]
    [InlineData("cpu:0", 0, "0 ranks on the processor; 1 to 256")]
    [InlineData("cpu:257", 0, "257 ranks on the processor; 1 to 256")]
    [InlineData("cpu:-1", 0, "not understood. Write auto, cpu:N, cuda")]
    [InlineData("cpu:1,cpu:2", 0, "not understood")]
    [InlineData("cuda:", 3, "not understood")]
    [InlineData("cuda,cuda", 3, "not understood")]
    [InlineData("cuda:0,auto", 3, "not understood")]
    [InlineData("0,1", 3, "not understood")]
    [InlineData("tpu", 3, "not understood")]
    [InlineData("", 3, "not understood")]
    public void Parse_WhatIsNotThere_IsRefusedWithValueRuleAndRemedy(string text, int gpus, string reason)
    {
        var refused = Assert.Throws<ConfigurationException>(() => DeviceList.Parse("--devices", text, () => gpus == 0 ? None : Three));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("--devices ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Processor_DoesNotLookForGpus() =>
        Assert.Equal(2, DeviceList.Parse("--devices", "cpu:2", () => throw new InvalidOperationException("looked")).Count);

    [Theory]
    [InlineData("auto", "cuda:0")]
    [InlineData("cuda", "cuda:0")]
    [InlineData("cuda:2", "cuda:2")]
    [InlineData("cpu", "cpu:1")]
    public void ParseOne_KnownForm_IsOneDevice(string text, string expected) => Assert.Equal(expected, DeviceList.ParseOne("--device", text, () => Three).ToString());

    [Theory]
    [InlineData("cuda:0,cuda:1")]
    [InlineData("cpu:2")]
    public void ParseOne_Several_IsRefused(string text) =>
        Assert.Contains("names 2 devices; this takes one", Assert.Throws<ConfigurationException>(() => DeviceList.ParseOne("--device", text, () => Three)).Message, StringComparison.Ordinal);

    [Fact]
    public void Among_Gpus_AreDealtOutInOrderAndOnceEach()
    {
        var all = DeviceList.Parse("--devices", "cuda", () => Three);

        Assert.Equal(["cuda:0", "cuda:1,cuda:2"], all.Among("--workers", 2).Select(part => part.ToString()));
        Assert.Contains("4 processes on 3 GPUs", Assert.Throws<ConfigurationException>(() => all.Among("--workers", 4)).Message, StringComparison.Ordinal);
        Assert.Equal(["cpu:2", "cpu:2"], DeviceList.Parse("--devices", "cpu:2", () => None).Among("--workers", 2).Select(part => part.ToString()));
    }
}
