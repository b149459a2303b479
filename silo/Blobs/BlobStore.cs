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

    private readonly string _incoming;
    private readonly long _maxBlobBytes;

    /// <summary>Makes the folder if need be, and removes what an interrupted upload left.</summary>
    public BlobStore(string folder, long maxBlobBytes = MaxBlobBytes) : base(folder)
    {
        _maxBlobBytes = maxBlobBytes;
        _incoming = Path.Combine(folder, "incoming");
        Directory.CreateDirectory(_incoming);
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
        var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
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
                await file.WriteAsync(buffer.AsMemory(0, read), cancellation);
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

    internal void Commit(FileStream file, string sha256)
    {
        var path = PathOf(sha256)!;
        if (File.Exists(path))
        {
            Discard(file);
            return;
        }
        file.Flush(flushToDisk: true);
        file.Dispose();
        var shelf = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(shelf))
        {
            Directory.CreateDirectory(shelf);
            DirectorySync.Flush(Folder);
        }
        File.Move(file.Name, path, overwrite: true);
        DirectorySync.Flush(shelf);
    }

    internal static void Discard(FileStream file)
    {
        file.Dispose();
        File.Delete(file.Name);
    }
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

    /// <summary>Makes it a blob. When this returns it survives a power cut. Nothing happens if the store has it already.</summary>
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
