using System.Runtime.InteropServices;

namespace TorchSharp;

/// <summary>
/// Disposes, when it is disposed, every tensor made on this thread while it was the innermost scope, except those moved out or detached.
/// </summary>
/// <remarks>Scopes belong to the thread that opened them and nest: nothing may await inside one.</remarks>
public sealed class DisposeScope : IDisposable
{
    private const int FreeAtOnce = 256;
    private const int FirstCompaction = 1024;
    [ThreadStatic] private static DisposeScope? current;
    [ThreadStatic] private static Stack<List<torch.Tensor>>? reusable;

    // Holds a tensor that moved away or was disposed until the next compaction; Tensor.OwningScope says who owns it.
    private readonly List<torch.Tensor> items;
    private DisposeScope? outer;
    private int compactAt = FirstCompaction;
    private bool disposed;

    internal DisposeScope()
    {
        outer = current;
        current = this;
        items = reusable is { Count: > 0 } lists ? lists.Pop() : new List<torch.Tensor>(64);
    }

    /// <summary>The tensors that this scope will dispose.</summary>
    public IReadOnlyList<IDisposable> DisposablesView => [.. Owned()];

    /// <summary>How many tensors this scope will dispose.</summary>
    public int DisposablesCount => Owned().Count();

    internal static DisposeScope? Current => current;

    internal int HeldWrappers => items.Count;

    /// <summary>True when this scope will dispose the tensor.</summary>
    public bool Contains(IDisposable disposable) => disposable is torch.Tensor tensor && tensor.OwningScope == this;

    /// <summary>Moves a tensor of this scope to the scope around it, or out of all scopes.</summary>
    /// <returns>The tensor.</returns>
    public T MoveToOuter<T>(T disposable)
        where T : IDisposable
    {
        Move(outer, disposable);
        return disposable;
    }

    /// <inheritdoc cref="MoveToOuter{T}(T)"/>
    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second)
        where T1 : IDisposable
        where T2 : IDisposable => (MoveToOuter(first), MoveToOuter(second));

    /// <inheritdoc cref="MoveToOuter{T}(T)"/>
    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable
        where T2 : IDisposable
        where T3 : IDisposable => (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    /// <inheritdoc cref="MoveToOuter{T}(T)"/>
    public void MoveToOuter(params IDisposable[] disposables) => MoveToOuter((IEnumerable<IDisposable>)disposables);

    /// <inheritdoc cref="MoveToOuter{T}(T)"/>
    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOther(outer, disposables);

    /// <summary>Moves a tensor of this scope to another one; null takes it out of all scopes.</summary>
    /// <returns>The tensor.</returns>
    public T MoveToOther<T>(DisposeScope? scope, T disposable)
        where T : IDisposable
    {
        Move(scope, disposable);
        return disposable;
    }

    /// <inheritdoc cref="MoveToOther{T}(DisposeScope, T)"/>
    public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables)
        {
            Move(scope, disposable);
        }
    }

    /// <summary>Takes a tensor of this scope out of all scopes: it lives until it is disposed.</summary>
    /// <returns>The tensor.</returns>
    public T Detach<T>(T disposable)
        where T : IDisposable
    {
        Move(null, disposable);
        return disposable;
    }

    /// <inheritdoc cref="Detach{T}(T)"/>
    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second)
        where T1 : IDisposable
        where T2 : IDisposable => (Detach(first), Detach(second));

    /// <inheritdoc cref="Detach{T}(T)"/>
    public void Detach(params IDisposable[] disposables) => Detach((IEnumerable<IDisposable>)disposables);

    /// <inheritdoc cref="Detach{T}(T)"/>
    public void Detach(IEnumerable<IDisposable> disposables) => MoveToOther(null, disposables);

    /// <summary>Makes this scope the owner of a tensor, whichever scope owned it.</summary>
    public void Attach(IDisposable disposable)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var tensor = Manageable(disposable);
        if (tensor.OwningScope != this)
        {
            Add(tensor);
        }
    }

    /// <inheritdoc cref="Attach(IDisposable)"/>
    public void Attach(params IDisposable[] disposables) => _ = Attach((IEnumerable<IDisposable>)disposables);

    /// <inheritdoc cref="Attach(IDisposable)"/>
    /// <returns>The tensors.</returns>
    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        var attached = disposables.ToList();
        attached.ForEach(Attach);
        return attached;
    }

    /// <summary>Disposes what this scope owns now and keeps the scope open.</summary>
    public void DisposeEverything()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        FreeOwned();
    }

    /// <summary>Disposes what this scope owns now but the given tensors, and keeps the scope open.</summary>
    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var kept = inKeep.OfType<torch.Tensor>().Where(Contains).ToList();
        kept.ForEach(tensor => tensor.OwningScope = null);
        FreeOwned();
        kept.ForEach(Add);
    }

    /// <inheritdoc cref="DisposeEverythingBut(IEnumerable{IDisposable})"/>
    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    /// <inheritdoc cref="DisposeEverythingBut(IEnumerable{IDisposable})"/>
    /// <returns>The tensor.</returns>
    public T DisposeEverythingBut<T>(T keep)
        where T : IDisposable
    {
        DisposeEverythingBut((IEnumerable<IDisposable>)[keep]);
        return keep;
    }

    /// <summary>Closes the scope and disposes what it owns. Closing twice is harmless.</summary>
    public void Dispose()
    {
        if (disposed)
        {
            return;
        }
        FreeOwned();
        disposed = true;
        Unlink();
        (reusable ??= new()).Push(items);
    }

    internal void Add(torch.Tensor tensor)
    {
        tensor.OwningScope = this;
        items.Add(tensor);
        if (items.Count >= compactAt)
        {
            Compact();
        }
    }

    internal void Release(torch.Tensor tensor) => Move(null, tensor);

    private static torch.Tensor Manageable(IDisposable disposable) => disposable as torch.Tensor
        ?? throw new InvalidOperationException($"A dispose scope manages tensors, not {disposable?.GetType().Name ?? "null"}.");

    private IEnumerable<torch.Tensor> Owned() => items.Where(tensor => tensor.OwningScope == this).Distinct(ReferenceEqualityComparer.Instance).Cast<torch.Tensor>();

    private void Move(DisposeScope? scope, IDisposable disposable)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (disposable is not torch.Tensor tensor || tensor.OwningScope != this)
        {
            return;
        }
        tensor.OwningScope = null;
        scope?.Add(tensor);
    }

    private unsafe void FreeOwned()
    {
        var handles = stackalloc nint[FreeAtOnce];
        var count = 0;
        foreach (var tensor in CollectionsMarshal.AsSpan(items))
        {
            if (tensor.OwningScope != this)
            {
                continue;
            }
            handles[count++] = tensor.StealHandleForGood();
            if (count == FreeAtOnce)
            {
                NativeMethods.dt_free_many(handles, count);
                count = 0;
            }
        }
        if (count > 0)
        {
            NativeMethods.dt_free_many(handles, count);
        }
        items.Clear();
    }

    // Tensors disposed one by one inside a scope that stays open leave empty wrappers behind.
    private void Compact()
    {
        var owned = Owned().ToList();
        items.Clear();
        items.AddRange(owned);
        compactAt = Math.Max(FirstCompaction, 2 * items.Count);
    }

    private void Unlink()
    {
        if (current == this)
        {
            current = outer;
            return;
        }
        for (var inner = current; inner is not null; inner = inner.outer)
        {
            if (inner.outer == this)
            {
                inner.outer = outer;
                return;
            }
        }
    }
}
