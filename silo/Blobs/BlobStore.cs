using System.Buffers;
using System.Security.Cryptography;
using Fleet.Silo.Files;

namespace Fleet.Silo.Blobs;

/// <summary>
/// Blobs are stored once, whatever they are called elsewhere, and never changed. Several processes may store into one folder.
/// </summary>
internal sealed class BlobStore : BlobFolder
{
    /// <summary>1 GiB: the largest firmware that <c>PUT /firmware</c> takes.</summary>
    public const long MaxBlobBytes = 1L << 30;

    private const int BufferBytes = 128 * 1024;

    /// <summary>Ends the name of a blob that nobody was found to need: see <see cref="SetAside"/>.</summary>
    private const string Aside = ".unused";

    private readonly string _incoming;
    private readonly TimeProvider _clock;
    private readonly long _maxBlobBytes;

    /// <summary>Makes the folder if need be, and removes what an interrupted upload left.</summary>
    public BlobStore(string folder, TimeProvider clock, long maxBlobBytes = MaxBlobBytes) : base(folder)
    {
        (_clock, _maxBlobBytes) = (clock, maxBlobBytes);
        _incoming = Path.Combine(folder, "incoming");
        Directory.CreateDirectory(_incoming);
        DirectorySync.Flush(folder);
        DirectorySync.Flush(Path.GetDirectoryName(Path.GetFullPath(folder))!);
        RemoveLeftovers();
    }

    /// <summary>Removes what uploads have left that ended with their process.</summary>
    public void RemoveLeftovers()
    {
        foreach (var file in Directory.EnumerateFiles(_incoming)) DeleteIfLeftover(file);
    }

    // An upload that is under way, here or in another process, has its file open for itself alone.
    private static void DeleteIfLeftover(string file)
    {
        try
        {
            using (new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None)) { }
            File.Delete(file);
        }
        catch (IOException)
        {
            // In use, or gone meanwhile.
        }
    }

    /// <summary>Copies the content to a file of its own, reckoning the digest on the way. It is no blob until it is committed.</summary>
    /// <returns>Null when there is more than the store takes; nothing is kept then.</returns>
    public async Task<StagedBlob?> Stage(Stream content, CancellationToken cancellation)
    {
        var path = Path.Combine(_incoming, Guid.NewGuid().ToString("n"));
        var file = Create(path);
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long size = 0;
            while (await content.ReadAsync(buffer, cancellation) is var read and > 0)
            {
                size += read;
                if (size > _maxBlobBytes)
                {
                    Discard(file);
                    return null;
                }
                hash.AppendData(buffer, 0, read);
                await Append(file, buffer.AsMemory(0, read), cancellation);
            }
            return new StagedBlob(this, file, Convert.ToHexStringLower(hash.GetHashAndReset()), size);
        }
        catch
        {
            Discard(file);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Begins a round of collecting blobs, of which all processes that share the folder have one in a period.</summary>
    /// <returns>Null: another process is at it, or the last one is not that long ago.</returns>
    public CollectionRound? TryBeginRound(TimeSpan period)
    {
        FileStream mark;
        try
        {
            mark = new FileStream(Path.Combine(Folder, "collected"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
        var round = new CollectionRound(mark, _clock.GetUtcNow());
        if (round.IsDue(period)) return round;
        round.Dispose();
        return null;
    }

    /// <summary>All blobs, those that were set aside included.</summary>
    public List<FoundBlob> List() =>
    [
        .. from shelf in new DirectoryInfo(Folder).EnumerateDirectories("??")
           from file in shelf.EnumerateFiles()
           let isAside = file.Name.EndsWith(Aside, StringComparison.Ordinal)
           let sha256 = isAside ? file.Name[..^Aside.Length] : file.Name
           where PathOf(sha256) is not null
           select new FoundBlob(sha256, file.LastWriteTimeUtc, isAside),
    ];

    /// <summary>
    /// Takes a blob's name away, unless it was stored since <paramref name="since"/>. It is not deleted yet: an upload may have stored it
    /// anew at the last moment, and the process may end before that is seen.
    /// </summary>
    public void SetAside(string sha256, DateTimeOffset since)
    {
        var path = PathOf(sha256)!;
        File.Move(path, path + Aside, overwrite: true);
        if (File.GetLastWriteTimeUtc(path + Aside) >= since) PutBack(sha256);
        else File.SetLastWriteTimeUtc(path + Aside, _clock.GetUtcNow().UtcDateTime);
    }

    /// <summary>Undoes <see cref="SetAside"/>; a blob that was stored anew meanwhile stays.</summary>
    public void PutBack(string sha256)
    {
        var path = PathOf(sha256)!;
        if (File.Exists(path)) File.Delete(path + Aside);
        else File.Move(path + Aside, path);
        DirectorySync.Flush(Path.GetDirectoryName(path)!);
    }

    /// <summary>Deletes a blob that was set aside.</summary>
    public void Delete(string sha256) => File.Delete(PathOf(sha256)! + Aside);

    /// <summary>
    /// What is there under that name is replaced: a disk may have damaged it, and another process may not have made its name durable yet.
    /// Those who read the former file go on with it.
    /// </summary>
    internal void Commit(FileStream file, string sha256)
    {
        var path = PathOf(sha256)!;
        var shelf = Path.GetDirectoryName(path)!;
        try
        {
            File.SetLastWriteTimeUtc(file.SafeFileHandle, _clock.GetUtcNow().UtcDateTime);
            file.Flush(flushToDisk: true);
            Directory.CreateDirectory(shelf);
            DirectorySync.Flush(Folder);
            file.Dispose();
            File.Move(file.Name, path, overwrite: true);
            DirectorySync.Flush(shelf);
        }
        catch (IOException e)
        {
            throw new BlobNotStoredException(e);
        }
    }

    internal static void Discard(FileStream file)
    {
        file.Dispose();
        File.Delete(file.Name);
    }

    private static FileStream Create(string path)
    {
        try
        {
            return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        }
        catch (IOException e)
        {
            throw new BlobNotStoredException(e);
        }
    }

    // The content comes from a client, whose failures are its own; these are the disk's.
    private static async ValueTask Append(FileStream file, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            await file.WriteAsync(bytes, cancellation);
        }
        catch (IOException e)
        {
            throw new BlobNotStoredException(e);
        }
    }
}

/// <param name="At">When it was stored last, or set aside.</param>
/// <param name="IsAside">See <see cref="BlobStore.SetAside"/>.</param>
internal sealed record FoundBlob(string Sha256, DateTimeOffset At, bool IsAside);

/// <summary>The disk did not take a blob.</summary>
internal sealed class BlobNotStoredException(IOException cause) : IOException($"The blob was not stored: {cause.Message}", cause)
{
    /// <summary>Or a quota is exhausted.</summary>
    // ENOSPC, EDQUOT (Linux, macOS), and Windows' ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL. .NET's HResult is the C library's number.
    public bool DiskIsFull { get; } =
        cause.HResult is 28 or 122 or 69 or unchecked((int)0x80070070) or unchecked((int)0x80070027);
}

/// <summary>Content that has arrived whole and is not kept yet. Disposing it without a commit removes it.</summary>
internal sealed class StagedBlob : IDisposable
{
    private readonly BlobStore _store;
    private FileStream? _file;

    internal StagedBlob(BlobStore store, FileStream file, string sha256, long sizeBytes) =>
        (_store, _file, Sha256, SizeBytes) = (store, file, sha256, sizeBytes);

    /// <summary>64 lower-case hex digits.</summary>
    public string Sha256 { get; }

    public long SizeBytes { get; }

    /// <summary>Makes it a blob. When this returns it survives a power cut.</summary>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(_file is null, this);
        _store.Commit(_file, Sha256);
        _file = null;
    }

    public void Dispose()
    {
        if (_file is not null) BlobStore.Discard(_file);
        _file = null;
    }
}
