namespace Diffusion.Worker.Session;

/// <summary>As whom, and in which generation, this process took part last: what it sends carries that, so that a coordinator tells members from ghosts.</summary>
internal sealed class Membership
{
    private volatile Place present = new("", 0);

    /// <summary>A worker id and the newest generation it was sent into; 0 before the first.</summary>
    internal sealed record Place(string WorkerId, long Generation);

    public Place Present => present;

    public void Enter(string workerId, long generation) => present = new Place(workerId, generation);
}
