using Orleans;
using Orleans.Runtime;

namespace Fleet.UnitTests.Engine;

/// <summary>"Holding" is to write "name begins" and to wait for "release name".</summary>
public interface IHoldingGrain : IGrainWithStringKey
{
    Task Hold(string name);

    Task HoldFor(string name, CancellationToken cancellation);

    Task Note(string line);

    Task Throw();

    Task DeactivateNow();

    Task TickAfter(TimeSpan due, bool keepAlive);
}

internal sealed class HoldingGrain(Journal journal) : Grain, IHoldingGrain
{
    public async Task Hold(string name)
    {
        journal.Write($"{name} begins");
        await journal.Until($"release {name}");
    }

    public Task HoldFor(string name, CancellationToken cancellation) => Hold(name);

    public Task Note(string line)
    {
        journal.Write(line);
        return Task.CompletedTask;
    }

    public Task Throw() => throw new InvalidDataException("thrown");

    public Task DeactivateNow()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task TickAfter(TimeSpan due, bool keepAlive)
    {
        this.RegisterGrainTimer(() => Note("tick"), new GrainTimerCreationOptions { DueTime = due, Period = Timeout.InfiniteTimeSpan, KeepAlive = keepAlive });
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        journal.Write($"deactivated: {reason.ReasonCode}");
        return Task.CompletedTask;
    }
}

public interface IListener : IGrainObserver
{
    void Hear(string words);
}
