namespace TorchSharp.Modules;

/// <summary>A leaf that requires a gradient: another wrapper of the same tensor.</summary>
public class Parameter : torch.Tensor
{
    /// <summary>Makes a tensor a parameter.</summary>
    /// <param name="data">A leaf. The parameter belongs to its dispose scope, if it has one.</param>
    /// <param name="requires_grad">False for a parameter that gets no gradient.</param>
    public Parameter(torch.Tensor data, bool requires_grad = true)
        : base(Share(data, requires_grad))
    {
        _ = MoveToOtherDisposeScope(data.OwningScope);
    }

    private static nint Share(torch.Tensor data, bool requiresGrad)
    {
        data.requires_grad = requiresGrad;
        var handle = NativeMethods.dt_alias(data.Handle);
        GC.KeepAlive(data);
        return handle;
    }
}
