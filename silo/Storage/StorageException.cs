using Orleans.Runtime;

namespace Fleet.Silo.Storage;

/// <summary>The database did not take a write. Nothing of it was stored.</summary>
internal sealed class StorageException(string message, Exception inner) : OrleansException(message, inner);
