namespace TorchSharp.Tests.Tensors;

public sealed class DisposeScopeTests
{
    [Fact]
    public void Dispose_Scope_FreesWhatWasMadeInIt()
    {
        var before = Tensor.TotalCount;
        Tensor inside;
        using (NewDisposeScope())
        {
            inside = ones(3);
            _ = inside + 1;
            Assert.Equal(before + 2, Tensor.TotalCount);
        }
        Assert.True(inside.IsInvalid);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Throws<InvalidOperationException>(() => inside.shape);
    }

    [Fact]
    public void MoveToOuter_FromNestedScope_LivesAsLongAsTheOuterOne()
    {
        using var outer = NewDisposeScope();
        Tensor moved;
        using (var inner = NewDisposeScope())
        {
            moved = inner.MoveToOuter(ones(3));
            Assert.Equal(0, inner.DisposablesCount);
        }
        Assert.False(moved.IsInvalid);
        Assert.True(outer.Contains(moved));
        outer.Dispose();
        Assert.True(moved.IsInvalid);
    }

    [Fact]
    public void MoveToOuterDisposeScope_OfOutermostScope_LeavesAllScopes()
    {
        Tensor moved;
        using (NewDisposeScope())
        {
            moved = ones(3).MoveToOuterDisposeScope();
        }
        Assert.False(moved.IsInvalid);
        moved.Dispose();
    }

    [Fact]
    public void Detach_Tensor_LivesUntilDisposed()
    {
        var before = Tensor.TotalCount;
        Tensor detached, alsoDetached;
        using (var scope = NewDisposeScope())
        {
            detached = scope.Detach(ones(3));
            alsoDetached = ones(2).DetachFromDisposeScope();
        }
        Assert.Equal(3, detached.numel());
        detached.Dispose();
        alsoDetached.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Attach_TensorOfNoScope_IsOwned()
    {
        var free = ones(3);
        using (var scope = NewDisposeScope())
        {
            scope.Attach(free);
            scope.Attach(free);
            Assert.Equal(1, scope.DisposablesCount);
            Assert.Same(free, scope.DisposablesView[0]);
        }
        Assert.True(free.IsInvalid);
    }

    [Fact]
    public void MoveToOtherDisposeScope_OfAnotherTensor_SharesItsFate()
    {
        using var outer = NewDisposeScope();
        var anchor = ones(1);
        using var inner = NewDisposeScope();
        var moved = ones(2).MoveToOtherDisposeScope(anchor);
        inner.Dispose();
        Assert.False(moved.IsInvalid);
        Assert.True(outer.Contains(moved));
    }

    [Fact]
    public void DisposeEverythingBut_One_KeepsItAndTheScope()
    {
        using var scope = NewDisposeScope();
        var first = ones(1);
        var kept = scope.DisposeEverythingBut(ones(2));
        Assert.True(first.IsInvalid);
        Assert.False(kept.IsInvalid);
        Assert.Equal(1, scope.DisposablesCount);
        scope.DisposeEverything();
        Assert.True(kept.IsInvalid);
    }

    [Fact]
    public void Dispose_TensorInScope_IsNotFreedTwice()
    {
        using var scope = NewDisposeScope();
        var tensor = ones(1);
        tensor.Dispose();
        tensor.Dispose();
        Assert.Equal(0, scope.DisposablesCount);
    }

    [Fact]
    public void Dispose_OuterBeforeInner_UnlinksIt()
    {
        var outer = NewDisposeScope();
        var inner = NewDisposeScope();
        outer.Dispose();
        Assert.Same(inner, CurrentDisposeScope);
        var tensor = ones(1);
        inner.Dispose();
        Assert.True(tensor.IsInvalid);
        Assert.Null(CurrentDisposeScope);
    }

    [Fact]
    public void Scope_LongLivedWithShortLivedTensors_DoesNotGrow()
    {
        using var scope = NewDisposeScope();
        var kept = ones(1);
        for (var i = 0; i < 5000; i++)
        {
            ones(1).Dispose();
        }
        Assert.Equal(1, scope.DisposablesCount);
        Assert.True(scope.HeldWrappers < 2048, $"{scope.HeldWrappers} wrappers held");
        Assert.False(kept.IsInvalid);
    }

    [Fact]
    public void Scope_OfOneThread_DoesNotOwnTensorsOfAnother()
    {
        using var scope = NewDisposeScope();
        Tensor? other = null;
        var thread = new Thread(() => other = ones(1));
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromSeconds(10)));
        Assert.Equal(0, scope.DisposablesCount);
        other!.Dispose();
    }

    [Fact]
    public void Finalizer_ForgottenTensors_BringsTheCountBack()
    {
        var before = Tensor.TotalCount;
        Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(Tensor.TotalCount <= before, $"{Tensor.TotalCount - before} forgotten tensors are left");

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Forget()
        {
            for (var i = 0; i < 100; i++)
            {
                _ = ones(1);
            }
        }
    }

    [Fact]
    public void Alias_FirstWrapperDisposed_StillHasTheMemory()
    {
        var first = ones(2);
        using var second = first.alias();
        first.Dispose();
        Assert.Equal(2, second.sum().ToSingle());
    }
}
