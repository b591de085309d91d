using Diffusion.Snapshots.Files;
using Microsoft.Extensions.Logging;

namespace Diffusion.Worker.Training;

/// <summary>One thread that writes what training hands over. A save that fails is said, kept and tried again; training goes on.</summary>
internal sealed class SaveQueue : IDisposable
{
    /// <summary>Saves that may wait; with more the oldest is given up, since each holds a copy of the weights.</summary>
    private const int MostWaiting = 4;

    /// <summary>Pause before a failed save is tried again.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private readonly ITrainingObserver observer;
    private readonly ILogger logger;
    private readonly LinkedList<Job> jobs = [];
    private readonly object gate = new();
    private readonly Thread thread;
    private bool stopping;

    public SaveQueue(ITrainingObserver observer, ILogger logger)
    {
        this.observer = observer;
        this.logger = logger;
        thread = new Thread(Work) { IsBackground = true, Name = "saver" };
        thread.Start();
    }

    /// <summary>Hands a save over.</summary>
    /// <param name="imagesSeen">Image count, for messages.</param>
    /// <param name="what">What is saved, for messages.</param>
    /// <param name="write">Writes it; throws <see cref="SaveFailedException"/> when the disk refuses.</param>
    /// <param name="release">Frees what was copied.</param>
    public void Add(long imagesSeen, string what, Action write, Action release)
    {
        lock (gate)
        {
            if (jobs.Count == MostWaiting && jobs.First!.Next is { } oldest)
            {
                observer.SaveFailed(oldest.Value.ImagesSeen, oldest.Value.What, $"given up: {MostWaiting} later saves are waiting for the disk");
                oldest.Value.Release();
                jobs.Remove(oldest);
            }

            jobs.AddLast(new Job(imagesSeen, what, write, release));
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Waits until everything is written, or a save has failed after this call.</summary>
    /// <returns>The reason why something is not written; null when all is.</returns>
    public string? Flush()
    {
        lock (gate)
        {
            foreach (var job in jobs)
            {
                job.Failure = null;
            }

            Monitor.PulseAll(gate);
            while (jobs.First is { } first && first.Value.Failure is null)
            {
                Monitor.Wait(gate);
            }

            return jobs.First?.Value.Failure;
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            stopping = true;
            Monitor.PulseAll(gate);
        }

        thread.Join();
        foreach (var job in jobs)
        {
            job.Release();
        }
    }

    private void Work()
    {
        while (Next() is { } job)
        {
            string? failure = null;
            try
            {
                job.Write();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                failure = e.Message;
                if (job.LastTold != failure)
                {
                    job.LastTold = failure;
                    logger.LogError(e, "Saving {What} at {ImagesSeen} images failed; it is tried again every {RetrySeconds} s", job.What, job.ImagesSeen, RetryAfter.TotalSeconds);
                }

                observer.SaveFailed(job.ImagesSeen, job.What, e.Message);
            }

            lock (gate)
            {
                job.Failure = failure;
                if (failure is null)
                {
                    jobs.Remove(job);
                    job.Release();
                }

                Monitor.PulseAll(gate);
            }
        }
    }

    // The oldest job; a failed one after a pause, or at once when somebody flushes.
    private Job? Next()
    {
        lock (gate)
        {
            while (true)
            {
                if (jobs.First?.Value is { } job)
                {
                    if (job.Failure is null)
                    {
                        return job;
                    }

                    if (stopping)
                    {
                        return null;
                    }

                    if (!Monitor.Wait(gate, RetryAfter))
                    {
                        return job;
                    }
                }
                else if (stopping)
                {
                    return null;
                }
                else
                {
                    Monitor.Wait(gate);
                }
            }
        }
    }

    private sealed class Job(long imagesSeen, string what, Action write, Action release)
    {
        public long ImagesSeen { get; } = imagesSeen;

        public string What { get; } = what;

        public Action Write { get; } = write;

        public Action Release { get; } = release;

        public string? Failure { get; set; }

        /// <summary>The failure that the log holds already.</summary>
        public string? LastTold { get; set; }
    }
}
