using System.Collections.Concurrent;

namespace Diffusion.Data;

/// <summary>
/// Reads a rank's batches ahead on a thread of its own. Batches come in the order in which the rank needs them:
/// step by step, and within a step shard by shard as given.
/// </summary>
/// <remarks>One consumer. When shards are reassigned, dispose it and make another at the image count where training goes on.</remarks>
public sealed class BatchPrefetcher : IDisposable
{
    private readonly ShardReader reader;
    private readonly int[] shards;
    private readonly TimeProvider time;
    private readonly BlockingCollection<ImageBatch> ready;
    private readonly CancellationTokenSource stop = new();
    private readonly Thread thread;
    private Exception? failure;
    private TimeSpan waited;

    /// <summary>Starts reading ahead.</summary>
    /// <param name="reader">Source of the batches.</param>
    /// <param name="shards">This rank's shards, in the order in which it works on them.</param>
    /// <param name="imagesSeen">Images seen by the run before the first batch.</param>
    /// <param name="depth">Batches kept ready, at least 1.</param>
    /// <param name="time">Clock for <see cref="TimeWaited"/>.</param>
    /// <exception cref="ArgumentException">There is no shard, or one that does not exist.</exception>
    public BatchPrefetcher(ShardReader reader, IReadOnlyList<int> shards, long imagesSeen, int depth, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(imagesSeen);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        if (shards.Count == 0 || shards.Any(shard => shard < 0 || shard >= reader.Shards) || shards.Distinct().Count() != shards.Count)
        {
            throw new ArgumentException($"Shards [{string.Join(", ", shards)}] cannot be read: a rank needs at least one, each once, of 0 to {reader.Shards - 1}.", nameof(shards));
        }

        this.reader = reader;
        this.shards = [.. shards];
        this.time = time;
        ready = new BlockingCollection<ImageBatch>(depth);
        thread = new Thread(() => Produce(imagesSeen)) { IsBackground = true, Name = "batch prefetch" };
        thread.Start();
    }

    /// <summary>Time that <see cref="Take"/> has spent waiting, since the start. Close to zero when data is no bottleneck.</summary>
    public TimeSpan TimeWaited => waited;

    /// <summary>The next batch, waiting for it if it is not ready.</summary>
    /// <param name="cancellationToken">Ends the call, also when a batch is ready.</param>
    /// <returns>A batch that the caller disposes.</returns>
    /// <exception cref="DatasetException">Reading failed; every later call fails alike.</exception>
    public ImageBatch Take(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (ready.TryTake(out ImageBatch? batch))
        {
            return batch;
        }

        long started = time.GetTimestamp();
        try
        {
            return ready.Take(cancellationToken);
        }
        catch (InvalidOperationException) when (Volatile.Read(ref failure) is { } cause)
        {
            throw new DatasetException($"Reading ahead in {reader.Images.Dataset.Name} failed: {cause.Message}", cause);
        }
        finally
        {
            waited += time.GetElapsedTime(started);
        }
    }

    /// <summary>Stops the thread and gives back what it had read.</summary>
    public void Dispose()
    {
        if (stop.IsCancellationRequested)
        {
            return;
        }

        stop.Cancel();
        thread.Join();
        while (ready.TryTake(out ImageBatch? batch))
        {
            batch.Dispose();
        }

        ready.Dispose();
        stop.Dispose();
    }

    private void Produce(long imagesSeen)
    {
        try
        {
            for (; ; imagesSeen += reader.BatchSize)
            {
                foreach (int shard in shards)
                {
                    ready.Add(reader.Read(imagesSeen, shard), stop.Token);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Dispose was called: nobody takes any more.
        }
        catch (Exception e)
        {
            Volatile.Write(ref failure, e);
        }
        finally
        {
            ready.CompleteAdding();
        }
    }
}
