using System.Globalization;
using System.Security.Cryptography;
using Diffusion.Contracts.Configuration;
using Diffusion.Evaluation.Features;
using ImageShape = Diffusion.Data.ImageShape;

namespace Diffusion.Evaluation.Tests.Features;

public sealed class TorchScriptFeaturesTests : IDisposable
{
    private static readonly ImageShape Shape = new(3, 8, 8);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [PyTorchFact]
    public async Task Extract_ExportedNetwork_GivesPythonsNumbersForEveryInput()
    {
        string[] said = await Numpy.RunAsync($$"""
            import torch, torch.nn.functional as F
            class Net(torch.nn.Module):
                def forward(self, x):
                    return torch.stack([x.float().mean((1, 2, 3)), x.float().amax((1, 2, 3)), x.float().square().mean((1, 2, 3))], 1)
            torch.jit.script(Net()).save('{{folder.In("net.ts")}}')
            x = (torch.arange(2 * 3 * 8 * 8) % 251).to(torch.uint8).reshape(2, 3, 8, 8)
            r = F.interpolate(x.float(), (224, 224), mode='bicubic', antialias=True, align_corners=False) / 255
            r = (r - torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
            for images in (x, x.float() / 255, x.float() / 127.5 - 1, r):
                print(*Net()(images).flatten().tolist())
            """, Numpy.TorchInterpreter);
        byte[] pixels = [.. Enumerable.Range(0, 2 * Shape.Elements).Select(i => (byte)(i % 251))];
        foreach (var (input, line) in FeatureInput.All.Zip(said))
        {
            using var network = FeatureNetworks.Open(folder.In("net.ts"), Shape, input);
            double[] expected = [.. line.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture))];

            Assert.Equal((3, input.Name), (network.Space.Dimension, network.Space.Input));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(folder.In("net.ts")))), network.Space.Hash);
            Assert.Equal(expected, network.Extract(pixels, Shape).Select(v => (double)v), (a, b) => Math.Abs(a - b) <= 1e-4 * Math.Max(1, Math.Abs(a)));
        }
    }

    [PyTorchFact]
    public async Task Load_WrongKinds_SayWhatIsWrong()
    {
        await Numpy.RunAsync($$"""
            import torch
            class Wide(torch.nn.Module):
                def forward(self, x):
                    return x.float()
            class Pair(torch.nn.Module):
                def forward(self, x):
                    return x.float().mean((2, 3)), x
            for name, net in (('wide', Wide()), ('pair', Pair())):
                torch.jit.script(net).save('{{folder.Path}}/' + name + '.ts')
            class Linear(torch.nn.Module):
                def forward(self, x):
                    return x.float().reshape(x.shape[0], -1) @ torch.zeros(48, 2)
            torch.jit.script(Linear()).save('{{folder.Path}}/linear.ts')
            torch.save({'a': torch.zeros(2)}, '{{folder.Path}}/pickle.pt')
            """, Numpy.TorchInterpreter);
        File.WriteAllText(folder.In("text.ts"), "nothing of the kind");

        Assert.Contains("[2, 3, 8, 8]", Refusal("wide.ts"));
        Assert.Contains("not one tensor", Refusal("pair.ts"));
        Assert.Contains("does not take 2 images of 3x8x8", Refusal("linear.ts"));
        Assert.Contains("is no TorchScript", Refusal("pickle.pt"));
        Assert.Contains("is no TorchScript", Refusal("text.ts"));
        Assert.Contains("does not exist", Refusal("gone.ts"));
    }

    [Fact]
    public void Named_UnknownInput_NamesThoseThereAre() =>
        Assert.Contains("imagenet-224 (resized to 224x224", Assert.Throws<ConfigurationException>(() => FeatureInput.Named("float")).Message);

    private string Refusal(string name) => Assert.Throws<ConfigurationException>(() => FeatureNetworks.Open(folder.In(name), Shape)).Message;
}
