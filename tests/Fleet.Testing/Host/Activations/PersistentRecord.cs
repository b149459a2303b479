using System.Reflection;
using System.Runtime.CompilerServices;
using Orleans;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing.Host.Activations;

/// <summary>A grain's record in memory, of whatever type.</summary>
internal abstract class PersistentRecord : IStorage
{
    public abstract string? Etag { get; }

    public bool RecordExists { get; set; }

    public abstract Task ReadStateAsync(CancellationToken cancellationToken);

    public abstract Task WriteStateAsync(CancellationToken cancellationToken);

    public abstract Task ClearStateAsync(CancellationToken cancellationToken);

    public Task ReadStateAsync() => ReadStateAsync(CancellationToken.None);

    public Task WriteStateAsync() => WriteStateAsync(CancellationToken.None);

    public Task ClearStateAsync() => ClearStateAsync(CancellationToken.None);
}

/// <summary>What the grain sees as its state and the storage as the record: one object, because there is one for each activation.</summary>
internal sealed class PersistentRecord<T>(Activation activation, string name, IGrainStorage storage)
    : PersistentRecord, IPersistentState<T>, IGrainState<T>
{
    private T? _state = InitialState.Of<T>();
    private string? _etag;

    private IGrainStorage Storage => storage;

    private string Name => name;

    private GrainId Id => activation.GrainId;

    public T State { get => _state!; set => _state = value; }

    public override string? Etag => _etag;

    T? IGrainState<T>.State { get => _state; set => _state = value; }

    string? IGrainState<T>.ETag { get => _etag; set => _etag = value; }

    public override async Task ReadStateAsync(CancellationToken cancellationToken)
    {
        await Run(static (r, c) => r.Storage.ReadStateAsync(r.Name, r.Id, r, c), cancellationToken);
        _state ??= InitialState.Of<T>();
    }

    public override Task WriteStateAsync(CancellationToken cancellationToken) =>
        Run(static (r, c) => r.Storage.WriteStateAsync(r.Name, r.Id, r, c), cancellationToken);

    public override async Task ClearStateAsync(CancellationToken cancellationToken)
    {
        await Run(static (r, c) => r.Storage.ClearStateAsync(r.Name, r.Id, r, c), cancellationToken);
        _state = InitialState.Of<T>();
    }

    /// <summary>As in Orleans, what a grain sees of a failed storage is an <see cref="OrleansException"/>: its own, or one around it.</summary>
    private async Task Run(Func<PersistentRecord<T>, CancellationToken, Task> operation, CancellationToken cancellationToken, [CallerMemberName] string what = "")
    {
        try
        {
            await operation(this, cancellationToken);
        }
        catch (Exception e) when (e is not OrleansException)
        {
            throw new OrleansException($"Error from storage provider {Storage.GetType().Name}.{Name} during {what} for grain {Id}", e);
        }
    }
}

/// <summary>The state of a grain that has no record: as its constructor without parameters leaves it, or, as in Orleans, blank.</summary>
internal static class InitialState
{
    public static T Of<T>() => Maker<T>.Make();

    private static class Maker<T>
    {
        public static readonly Func<T> Make = Create();

        private static Func<T> Create()
        {
            if (typeof(T).IsValueType || typeof(T) == typeof(string)) return static () => default!;
            const BindingFlags Any = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
            if (typeof(T).GetConstructor(Any, []) is not { } constructor)
                return static () => (T)RuntimeHelpers.GetUninitializedObject(typeof(T));
            var invoker = ConstructorInvoker.Create(constructor);
            return () => (T)invoker.Invoke();
        }
    }
}
