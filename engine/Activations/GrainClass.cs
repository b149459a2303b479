using System.Collections.Concurrent;
using System.Reflection;
using Fleet.Engine.Calls;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Fleet.Engine.Activations;

/// <summary>A grain class and the directory of its activations, by key.</summary>
internal sealed class GrainClass : ICallTarget
{
    private readonly ConcurrentDictionary<string, Activation> _activations = new(StringComparer.Ordinal);
    private readonly long[] _calls = new long[Enum.GetValues<CallOutcome>().Length];
    private int _activationCount;

    public GrainClass(Type implementation, GrainRuntime runtime)
    {
        Implementation = implementation;
        Runtime = runtime;
        Type = GrainType.Create(NameOf(implementation));
        IsReentrant = implementation.IsDefined(typeof(ReentrantAttribute));
        Constructor = new(implementation, runtime.Services);
    }

    public Type Implementation { get; }

    public GrainRuntime Runtime { get; }

    public GrainType Type { get; }

    public bool IsReentrant { get; }

    public GrainConstructor Constructor { get; }

    /// <summary>Activations, those that are coming up or going down included.</summary>
    public IEnumerable<Activation> Activations => _activations.Select(pair => pair.Value);

    /// <summary>Activations that are up.</summary>
    public int ActivationCount => Volatile.Read(ref _activationCount);

    public GrainId IdOf(string key) => GrainId.Create(Type, IdSpan.Create(key));

    public GrainReference ReferTo(string key, Type interfaceType) => interfaceType.IsAssignableFrom(Implementation)
        ? Runtime.Calls.InterfaceOf(interfaceType).ReferTo(this, key)
        : throw new InvalidCastException($"{Implementation} does not implement {interfaceType}.");

    public void Send(string key, Request call)
    {
        if (Runtime.IsStopped)
        {
            call.Reject(new SiloUnavailableException($"The engine has stopped: {call} was not run."));
            return;
        }
        // An activation that has ended has made room in the directory before, so this ends at the second try, or the grain is very busy dying.
        while (!_activations.GetOrAdd(key, static (key, self) => new(self, key), this).TryReceive(call)) { }
    }

    /// <summary>Puts the next activation in the place of one that ends, or leaves the place empty.</summary>
    public void Replace(Activation ending, Activation? next)
    {
        if (next is null) _activations.TryRemove(new(ending.Key, ending));
        else _activations[ending.Key] = next;
    }

    public void Count(CallOutcome outcome) => Interlocked.Increment(ref _calls[(int)outcome]);

    public long CallsThat(CallOutcome outcome) => Volatile.Read(ref _calls[(int)outcome]);

    public void CountActivation(int change) => Interlocked.Add(ref _activationCount, change);

    // Orleans' rule: the class name in lower case without "grain", unless the class says otherwise.
    private static string NameOf(Type implementation)
    {
        if (implementation.GetCustomAttribute<GrainTypeAttribute>() is { } given) return given.GrainType;
        string name = implementation.Name.ToLowerInvariant();
        return name.EndsWith("grain", StringComparison.Ordinal) && name.Length > 5 ? name[..^5] : name;
    }
}
