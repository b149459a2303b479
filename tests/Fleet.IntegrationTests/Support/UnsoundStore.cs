using Fleet.Testing;

namespace Fleet.IntegrationTests.Support;

/// <summary>The store of a cluster under test, which may be away.</summary>
internal sealed class UnsoundStore : MemoryStore
{
    /// <summary>Thrown by each operation; null: it is there.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Readers find nothing, as those did that read before the first write.</summary>
    public bool IsBlank { get; set; }

    protected override Task Run(StoreOperation operation, string stateName, GrainId grain, Action perform)
    {
        if (Failure is { } failure) throw failure;
        return IsBlank && operation == StoreOperation.Read ? Task.CompletedTask : base.Run(operation, stateName, grain, perform);
    }
}
