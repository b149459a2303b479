namespace Fleet.Silo.Files;

/// <summary>
/// The folder of what all processes of one Fleet must have in common, <c>Fleet:SharedDirectory</c>: <c>pki/</c>, <c>blobs/</c> and
/// <c>admin.token</c>. One process alone keeps them in its data directory; several mount one volume.
/// </summary>
internal sealed class SharedDirectory
{
    public const string Setting = "Fleet:SharedDirectory";

    private const string LockFile = "shared.lock";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(50);

    private SharedDirectory(string path, bool isShared) => (Path, IsShared) = (path, isShared);

    /// <summary>Absolute.</summary>
    public string Path { get; }

    /// <summary>Whether other processes use it too.</summary>
    public bool IsShared { get; }

    /// <param name="configured">The setting; null for the data directory.</param>
    /// <param name="data">Null in a process that has none, and has the setting.</param>
    /// <exception cref="StartupException">It cannot be made or written to.</exception>
    public static SharedDirectory Open(string? configured, DataDirectory? data)
    {
        if (string.IsNullOrEmpty(configured)) return new(data!.Path, isShared: false);
        string full = System.IO.Path.GetFullPath(configured);
        try
        {
            PrivateFolder.Make(full);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The shared directory {full} cannot be made: {e.Message} (setting {Setting})", e);
        }
        return new(full, isShared: true);
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>
    /// Keeps the others out until the result is disposed of. What a first start makes is made under it, so that processes that start
    /// together make one authority, not two. The kernel drops it with the process.
    /// </summary>
    /// <exception cref="StartupException">
    /// It cannot be had: no permission, or another process keeps it for longer than half a minute.
    /// </exception>
    public IDisposable Lock(TimeProvider clock)
    {
        using var pause = new ManualResetEventSlim();
        long since = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(File(LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (UnauthorizedAccessException e)
            {
                throw new StartupException($"The shared directory {Path} cannot be written to: {e.Message} (setting {Setting})", e);
            }
            catch (IOException e) when (clock.GetElapsedTime(since) > Patience)
            {
                throw new StartupException($"{File(LockFile)} is held by another process: {e.Message}", e);
            }
            catch (IOException)
            {
                pause.Wait(LookAgainAfter);
            }
        }
    }
}
