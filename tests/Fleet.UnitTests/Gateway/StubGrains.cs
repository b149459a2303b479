using System.Reflection;
using Orleans;

namespace Fleet.UnitTests.Gateway;

/// <summary>Grains whose methods a test writes as lambdas. A call that nobody expected fails the test.</summary>
internal sealed class StubGrains : StringKeyedGrains
{
    private readonly Dictionary<(Type Grain, string Method), Func<string, object?[], object?>> _methods = [];

    /// <summary>Calls so far, as "key.Method".</summary>
    public List<string> Calls { get; } = [];

    /// <param name="answer">From the grain's key and the arguments to what the method returns, its task included.</param>
    public StubGrains On<TGrain>(string method, Func<string, object?[], object?> answer) where TGrain : IGrainWithStringKey
    {
        _methods[(typeof(TGrain), method)] = answer;
        return this;
    }

    public override TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
    {
        var grain = DispatchProxy.Create<TGrainInterface, Stub>();
        ((Stub)(object)grain).Become(this, typeof(TGrainInterface), primaryKey);
        return grain;
    }

    public override TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj) => (TGrainObserverInterface)obj;

    public override void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
    {
    }

    private object? Call(Type grain, string key, MethodInfo method, object?[] arguments)
    {
        lock (Calls) Calls.Add($"{key}.{method.Name}");
        return _methods.TryGetValue((grain, method.Name), out var answer) ? answer(key, arguments)
            : throw new InvalidOperationException($"Nobody expected {grain.Name}.{method.Name}.");
    }

    // The runtime derives the proxy from it.
#pragma warning disable CA1852
    public class Stub : DispatchProxy
#pragma warning restore CA1852
    {
        private StubGrains? _grains;
        private Type? _type;
        private string _key = "";

        internal void Become(StubGrains grains, Type type, string key) => (_grains, _type, _key) = (grains, type, key);

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => _grains!.Call(_type!, _key, targetMethod!, args ?? []);
    }
}
