using Orleans.Serialization.Invocation;

namespace Fleet.Testing.Grains;

/// <summary>An activation or an observer, which runs work items.</summary>
internal interface IWorkHost : ITargetHolder
{
    TurnScheduler Scheduler { get; }

    /// <summary>Within a turn: the item has ended, and how. Its caller hears of it afterwards.</summary>
    void Finished(WorkItem item, Exception? failure);
}

/// <summary>A call, or the tick of a timer.</summary>
internal abstract class WorkItem
{
    public virtual bool AlwaysInterleaves => false;

    public virtual bool IsReadOnly => false;

    /// <summary>Whether it counts as use of the activation.</summary>
    public virtual bool KeepsAlive => true;

    /// <summary>Whether it is bound to this activation, so that the next one must not get it.</summary>
    public virtual bool IsLocal => false;

    /// <summary>Whether its answer is of no use any more. Such an item need not start.</summary>
    public abstract bool IsAbandoned { get; }

    /// <summary>Null before it has started.</summary>
    protected IWorkHost? Host { get; private set; }

    /// <summary>Queues the first turn of this item.</summary>
    public void Start(IWorkHost host)
    {
        Host = host;
        host.Scheduler.Post(static item => _ = ((WorkItem)item!).Run(), this);
    }

    /// <summary>Ends the item without having run it.</summary>
    public abstract void Reject(Exception reason);

    /// <summary>Runs to the end, calls <see cref="IWorkHost.Finished"/>, and never throws.</summary>
    protected abstract Task Run();
}
