namespace TorchSharp.Tests.Interop;

public sealed class ThreadTests
{
    [Fact]
    public void SetNumThreads_OnOneThread_LeavesAnotherAlone()
    {
        var before = get_num_threads();
        var other = 0;
        var thread = new Thread(() =>
        {
            set_num_threads(1);
            ones(10).Dispose();
            other = get_num_threads();
        });
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromSeconds(10)));
        Assert.Equal(1, other);
        Assert.Equal(before, get_num_threads());
        Assert.True(get_num_interop_threads() >= 1);
    }

    [Fact]
    public void Switches_SetAndRestored_AreRead()
    {
        using (use_deterministic_algorithms())
        {
            Assert.True(are_deterministic_algorithms_enabled());
        }
        Assert.False(are_deterministic_algorithms_enabled());
        var tf32 = backends.cuda.matmul.allow_tf32;
        backends.cuda.matmul.allow_tf32 = !tf32;
        Assert.Equal(!tf32, backends.cuda.matmul.allow_tf32);
        backends.cuda.matmul.allow_tf32 = tf32;
        var cudnn = backends.cudnn.allow_tf32;
        backends.cudnn.allow_tf32 = !cudnn;
        Assert.Equal(!cudnn, backends.cudnn.allow_tf32);
        backends.cudnn.allow_tf32 = cudnn;
    }

    [Fact]
    public void Cuda_WhereThereIsNone_SaysSo()
    {
        if (cuda.is_available())
        {
            Assert.True(cuda.device_count() > 0);
            return;
        }
        Assert.Equal(0, cuda.device_count());
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => zeros([1], device: CUDA));
    }

    [Fact]
    public void Threads_MakingTensorsAtOnce_KeepTheCount()
    {
        var before = Tensor.TotalCount;
        var threads = Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            using var generator = new Generator((ulong)seed);
            for (var i = 0; i < 200; i++)
            {
                using var scope = NewDisposeScope();
                _ = randn([100], generator: generator).square().sum();
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => Assert.True(thread.Join(TimeSpan.FromSeconds(30))));
        Assert.Equal(before, Tensor.TotalCount);
    }
}
