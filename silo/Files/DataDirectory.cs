namespace Fleet.Silo.Files;

/// <summary>The folder of everything Fleet keeps, <c>Fleet:DataDirectory</c>. It belongs to one process at a time.</summary>
internal sealed class DataDirectory : IDisposable
{
    private const string LockFile = "fleet.lock";

    private readonly FileStream _lock;

    private DataDirectory(string path, FileStream held) => (Path, _lock) = (path, held);

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>
    /// Makes the folder if need be (for its owner alone) and takes its lock, which ends with the process, however that ends.
    /// </summary>
    /// <exception cref="StartupException">It cannot be made or written to, or another process has it.</exception>
    public static DataDirectory Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        try
        {
            PrivateFolder.Make(full);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The data directory {full} cannot be made: {e.Message} (setting Fleet:DataDirectory)", e);
        }
        try
        {
            // FileShare.None is an flock here, which the kernel drops with the process.
            return new(
                full, new FileStream(System.IO.Path.Combine(full, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e)
        {
            throw new StartupException($"The data directory {full} is in use by another Fleet process (setting Fleet:DataDirectory).", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StartupException($"The data directory {full} cannot be written to: {e.Message} (setting Fleet:DataDirectory)", e);
        }
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => _lock.Dispose();
}
