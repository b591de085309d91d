using System.Collections.Concurrent;

namespace Diffusion.Worker.Session;

/// <summary>One rank and the operating-system thread that owns it: tensor scopes, grad mode and thread counts belong to threads.</summary>
internal sealed class RankThread : IDisposable
{
    /// <summary>Backward recurses on the calling thread; the default of 8 MB is not enough for deep networks everywhere.</summary>
    private const int StackBytes = 16 << 20;

    private readonly BlockingCollection<Action> work = new(boundedCapacity: 16);
    private readonly Thread thread;
    private readonly Func<IRankTrainer> create;
    private IRankTrainer? trainer;

    public RankThread(int localRank, Func<IRankTrainer> create)
    {
        this.create = create;
        thread = new Thread(Run, StackBytes) { Name = $"rank {localRank}", IsBackground = true };
        thread.Start();
    }

    /// <summary>The rank; only its thread-safe members may be called from elsewhere.</summary>
    public IRankTrainer Trainer => trainer ?? throw new InvalidOperationException("The rank is not open yet.");

    /// <summary>Makes the trainer on its thread.</summary>
    public Task OpenAsync() => DoAsync(() => trainer ??= create());

    /// <summary>Runs something on the rank's thread, after what was asked before.</summary>
    public Task<T> DoAsync<T>(Func<T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool queued = !work.IsAddingCompleted && work.TryAdd(() =>
        {
            try
            {
                done.SetResult(action());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return queued ? done.Task : throw new InvalidOperationException($"{thread.Name} is closed or has too much to do.");
    }

    /// <summary>Ends the thread after the work in hand. The trainer is disposed on it.</summary>
    public void Dispose()
    {
        work.CompleteAdding();
        thread.Join();
        work.Dispose();
    }

    private void Run()
    {
        foreach (var action in work.GetConsumingEnumerable())
        {
            action();
        }

        trainer?.Dispose();
    }
}
