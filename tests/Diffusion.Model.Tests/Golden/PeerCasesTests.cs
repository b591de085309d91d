using Diffusion.Evaluation.Golden;
using Diffusion.Model.Tests.Interchange;

namespace Diffusion.Model.Tests.Golden;

/// <summary>Random cases computed by an independent implementation in plain PyTorch, tests/Golden/peer. Its README tells how to run many.</summary>
public sealed class PeerCasesTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("diffusion-peer-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [PythonTorchTheory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Run_RandomCasesOfThePeer_AllAgree(int seed)
    {
        await PythonTorch.RunAsync(Path.Combine("..", "peer", "make_cases.py"), directory, "--seed", $"{seed}");

        var results = new GoldenRunner().Run(directory, CancellationToken.None).ToArray();

        Assert.True(results.Length > 100, $"only {results.Length} parts were found");
        Assert.All(results, result => Assert.True(result.Verdict == GoldenVerdict.Passed, $"seed {seed}: {result}"));
    }
}
