using System.Runtime.CompilerServices;
using Orleans;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Storage;

namespace Fleet.Testing.Grains;

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

/// <summary>
/// What the grain sees as its state and the storage as the record. As in Orleans, the storage makes the state of a grain that has no
/// record.
/// </summary>
internal sealed class PersistentRecord<T>(Activation activation, string name, IGrainStorage storage)
    : PersistentRecord, IPersistentState<T>, IGrainState<T>
{
    private T? _state;

    public T State { get => _state!; set => _state = value; }

    public override string? Etag => ETag;

    public string? ETag { get; set; }

    T? IGrainState<T>.State { get => _state; set => _state = value; }

    public override Task ReadStateAsync(CancellationToken cancellationToken) =>
        Run(() => storage.ReadStateAsync(name, activation.GrainId, this, cancellationToken));

    public override Task WriteStateAsync(CancellationToken cancellationToken) =>
        Run(() => storage.WriteStateAsync(name, activation.GrainId, this, cancellationToken));

    public override Task ClearStateAsync(CancellationToken cancellationToken) =>
        Run(() => storage.ClearStateAsync(name, activation.GrainId, this, cancellationToken));

    /// <summary>
    /// As in Orleans, a grain sees a failed storage as an <see cref="OrleansException"/>: the storage's own, or one around it.
    /// </summary>
    private async Task Run(Func<Task> operation, [CallerMemberName] string what = "")
    {
        try
        {
            await operation();
        }
        catch (Exception e) when (e is not OrleansException)
        {
            throw new OrleansException(
                $"Error from storage provider {storage.GetType().Name}.{name} during {what} for grain {activation.GrainId}", e);
        }
    }
}
