namespace Fleet.Silo.Storage;

/// <summary>Whether the database takes writes, as the last ones went.</summary>
internal sealed class StorageHealth(TimeProvider clock)
{
    private volatile Failed? _failed;

    /// <summary>How the last transaction failed; null when it did not.</summary>
    public Failed? LastFailure => _failed;

    public void Succeeded() => _failed = null;

    public void Failure(Exception cause) => _failed = new(cause.Message, clock.GetUtcNow());

    internal sealed record Failed(string Message, DateTimeOffset At);
}
