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
                work = running[key] = Work.Start(start);
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

        if (work.TryRetire())
        {
            retiring.RemoveWhere(task => task.IsCompleted);
            retiring.Add(work.EndAsync());
        }
    }

    private sealed class Work(CancellationTokenSource stop)
    {
        private T? result;
        private bool retired;

        public Task Task { get; private set; } = Task.CompletedTask;

        public int Users { get; set; }

        public static Work Start(Func<CancellationToken, Task<T>> start)
        {
            var stop = new CancellationTokenSource();
            var work = new Work(stop);
            work.Task = Task.Run(async () => work.result = await start(stop.Token).ConfigureAwait(false), stop.Token);
            return work;
        }

        public bool TryRetire() => !retired && (retired = true);

        /// <summary>A result that is there goes at once, so that nobody meets it later; work in progress is cancelled first.</summary>
        public async Task EndAsync()
        {
            if (!Task.IsCompleted)
            {
                await stop.CancelAsync().ConfigureAwait(false);
                await Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            result?.Dispose();
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
