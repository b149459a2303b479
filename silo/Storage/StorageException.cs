using Orleans.Runtime;

namespace Fleet.Silo.Storage;

/// <summary>
/// The database did not say that it stored a write. After a lost connection it may have stored it all the same, whole: the next read tells.
/// </summary>
internal sealed class StorageException(string message, Exception? inner = null) : OrleansException(message, inner!);
