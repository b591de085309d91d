namespace Diffusion.Snapshots.Library;

/// <summary>Work that several may wait for at once, done once. Who gives up leaves the others waiting; when nobody is left, the work is cancelled.</summary>
/// <typeparam name="T">The result; it lives until the last of those who waited has let it go.</typeparam>
internal sealed class SharedWork<T> : IAsyncDisposable
    where T : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Work> running = new(StringComparer.Ordinal);
    private readonly HashSet<Task> retiring = [];
    private bool disposed;

    /// <summary>Joins the work of a key, starting it where nobody has.</summary>
    /// <returns>A hold on the result.</returns>
    public async Task<IDisposable> JoinAsync(string key, Func<CancellationToken, Task<T>> start, CancellationToken cancellationToken)
    {
        Work work;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (!running.TryGetValue(key, out work!) || work.Task is { IsFaulted: true } or { IsCanceled: true })
            {
                var stop = new CancellationTokenSource();
                work = running[key] = new Work(stop, Task.Run(() => start(stop.Token), stop.Token));
            }

            work.Users++;
        }

        var hold = new Hold(this, key, work);
        try
        {
            await work.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            return hold;
        }
        catch
        {
            hold.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task[] left;
        lock (gate)
        {
            disposed = true;
            foreach (var (key, work) in running.ToList())
            {
                Retire_NeedsLock(key, work);
            }

            left = [.. retiring];
        }

        await Task.WhenAll(left).ConfigureAwait(false);
    }

    private void Leave(string key, Work work)
    {
        lock (gate)
        {
            if (--work.Users == 0)
            {
                Retire_NeedsLock(key, work);
            }
        }
    }

    private void Retire_NeedsLock(string key, Work work)
    {
        if (running.GetValueOrDefault(key) == work)
        {
            running.Remove(key);
        }

        if (!work.IsRetired)
        {
            work.IsRetired = true;
            retiring.RemoveWhere(task => task.IsCompleted);
            retiring.Add(Task.Run(work.EndAsync));
        }
    }

    private sealed class Work(CancellationTokenSource stop, Task<T> task)
    {
        public Task<T> Task => task;

        public int Users { get; set; }

        public bool IsRetired { get; set; }

        public async Task EndAsync()
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (task.IsCompletedSuccessfully)
            {
                (await task.ConfigureAwait(false)).Dispose();
            }

            stop.Dispose();
        }
    }

    private sealed class Hold(SharedWork<T> owner, string key, Work work) : IDisposable
    {
        private int released;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref released, 1) == 0)
            {
                owner.Leave(key, work);
            }
        }
    }
}
