using Diffusion.Coordinator.Services;

namespace Diffusion.Coordinator.Tests.Services;

public sealed class RendezvousStoreTests
{
    [Fact]
    public async Task GetAsync_BeforePut_WaitsForTheValue()
    {
        using var store = new RendezvousStore();
        store.Open(1);
        var waiting = store.GetAsync(1, ["a", "b"], default);
        store.Put(1, "a", [1]);
        Assert.False(waiting.IsCompleted);
        store.Put(1, "b", [2]);

        Assert.Equal([[1], [2]], await waiting.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task Close_WhileWaiting_RefusesTheWaiter()
    {
        using var store = new RendezvousStore();
        store.Open(1);
        var waiting = store.GetAsync(1, ["a"], default);
        store.Open(2);

        var stale = await Assert.ThrowsAsync<StaleGenerationException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Contains("Generation 1 is over; generation 2 is the present one.", stale.Message, StringComparison.Ordinal);
        Assert.Throws<StaleGenerationException>(() => store.Put(1, "a", []));
    }

    [Fact]
    public async Task Put_SameKeyTwice_Replaces()
    {
        using var store = new RendezvousStore();
        store.Open(1);
        store.Put(1, "a", [1]);
        store.Put(1, "a", [2]);

        Assert.Equal([2], (await store.GetAsync(1, ["a"], default))[0]);
    }

    [Fact]
    public void Put_TooLarge_IsRefused()
    {
        using var store = new RendezvousStore();
        store.Open(1);

        Assert.Throws<ArgumentException>(() => store.Put(1, "a", new byte[RendezvousStore.MaximumValueBytes + 1]));
        Assert.Throws<ArgumentException>(() => store.Put(1, new string('k', 257), []));
    }
}
