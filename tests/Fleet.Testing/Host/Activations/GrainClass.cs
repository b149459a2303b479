using System.Collections.Concurrent;
using System.Reflection;
using Fleet.Testing.Host.Calls;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Fleet.Testing.Host.Activations;

/// <summary>A grain class and the directory of its activations, by key.</summary>
internal sealed class GrainClass : ICallTarget
{
    private readonly ConcurrentDictionary<string, Activation> _activations = new(StringComparer.Ordinal);
    private int _activationCount;

    public GrainClass(Type implementation, GrainRuntime runtime)
    {
        Implementation = implementation;
        Runtime = runtime;
        Type = OrleansTypes.GrainTypes.GetGrainType(implementation);
        IsReentrant = implementation.IsDefined(typeof(ReentrantAttribute));
        Constructor = new(implementation, runtime.Services);
    }

    public Type Implementation { get; }

    public GrainRuntime Runtime { get; }

    public GrainType Type { get; }

    public Type MainInterface => Implementation.GetInterfaces().First(type => typeof(IGrain).IsAssignableFrom(type) && type.Namespace?.StartsWith("Orleans", StringComparison.Ordinal) != true);

    public bool IsReentrant { get; }

    public GrainConstructor Constructor { get; }

    /// <summary>Activations, those that are coming up or going down included.</summary>
    public IEnumerable<Activation> Activations => _activations.Select(pair => pair.Value);

    /// <summary>Activations that are up.</summary>
    public int ActivationCount => Volatile.Read(ref _activationCount);

    public GrainId IdOf(string key) => GrainId.Create(Type, IdSpan.Create(key));

    public void Send(GrainId to, Request call)
    {
        string key = to.Key.ToString()!;
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

    public void CountActivation(int change) => Interlocked.Add(ref _activationCount, change);

}
