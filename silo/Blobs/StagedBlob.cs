namespace Fleet.Silo.Blobs;

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
