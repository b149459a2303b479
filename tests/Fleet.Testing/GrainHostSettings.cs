using System.Reflection;
using Fleet.Testing.Grains;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Storage;

namespace Fleet.Testing;

/// <summary>What a <see cref="GrainHost"/> runs, and on what. Durations are Orleans' defaults.</summary>
public sealed record GrainHostSettings
{
    /// <summary>Where grain classes are looked for.</summary>
    public required IReadOnlyCollection<Assembly> GrainAssemblies { get; init; }

    /// <summary>Of grains, timers, reminders, time-outs and idleness.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where records are kept; an <see cref="IFleetIndex"/> as well if it is one.</summary>
    public IGrainStorage Storage { get; init; } = new MemoryStore();

    public IReminderTable Reminders { get; init; } = new MemoryReminderTable();

    public ITurnExecutor Turns { get; init; } = new ThreadPoolTurns();

    /// <summary>Whatever else grains ask for.</summary>
    public Action<IServiceCollection> Services { get; init; } = _ => { };

    /// <summary>Null: each call arrives, in the order in which it was sent.</summary>
    public ICallFaults? Faults { get; init; }

    /// <summary>How long a caller waits for an answer, unless the method has a <see cref="ResponseTimeoutAttribute"/>.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long an activation stays without a call, unless its class has a <see cref="CollectionAgeLimitAttribute"/>. Infinite: for ever.
    /// </summary>
    public TimeSpan CollectionAge { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long an activation may take to read its state and run <c>OnActivateAsync</c>.</summary>
    public TimeSpan ActivationTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long <c>OnDeactivateAsync</c> may take before the activation ends without it.</summary>
    public TimeSpan DeactivationTimeout { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>
/// What Orleans does not promise of calls, broken by a test. Asked in the order of calls, so a seeded answer can be repeated.
/// </summary>
public interface ICallFaults
{
    /// <summary>Whether the call travels by itself, so that calls which are sent after it may arrive before it.</summary>
    bool MayBeOvertaken(string call);

    /// <summary>
    /// What the caller gets instead of an answer, as from a silo that has died. The call does not run. Null: it goes on its way.
    /// </summary>
    /// <param name="isForwarded">It waited for an activation that has ended; otherwise it has just been sent.</param>
    Exception? RejectionOf(string call, bool isForwarded);
}
