using System.Collections.Concurrent;
using Fleet.Testing.Host.Turns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;

namespace Fleet.Testing.Host.Calls;

/// <summary>What every call of an engine shares: its filters, the time-outs by length, and the interfaces.</summary>
internal sealed class CallServices(
    IServiceProvider services, TimeProvider time, TimeSpan defaultTimeout, ILogger logger, ITurnExecutor executor)
{
    private readonly ConcurrentDictionary<TimeSpan, CallDeadlines> _deadlines = new();
    // Late: a filter may want the grain factory, which wants these services.
    private readonly Lazy<IIncomingGrainCallFilter[]> _filters = new(() => [.. services.GetServices<IIncomingGrainCallFilter>()]);

    public IIncomingGrainCallFilter[] Filters => _filters.Value;

    public ILogger Logger { get; } = logger;

    /// <summary>Whoever waits for an answer must not run inside the turn of the grain that gives it.</summary>
    public TaskCreationOptions AnswerOptions { get; } =
        executor.RunsAllThatWaits ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;

    /// <summary>Null if calls may take for ever.</summary>
    public CallDeadlines? DeadlinesFor(TimeSpan? timeout)
    {
        var length = timeout ?? defaultTimeout;
        return length == Timeout.InfiniteTimeSpan ? null : _deadlines.GetOrAdd(length, l => new(time, l));
    }
}
