using System.Security.Cryptography;
using Fleet.Silo.Blobs;
using Fleet.Silo.Files;
using Fleet.UnitTests.Pki;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Blobs;

public sealed class BlobStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly BlobStore _store;

    public BlobStoreTests() => _store = new BlobStore(_folder.Path, _time);

    public void Dispose() => _folder.Dispose();

    [Theory, InlineData(1), InlineData(128 * 1024), InlineData(1_000_003)]
    public async Task A_blob_is_found_by_its_digest(int size)
    {
        var content = Random(size);
        var digest = Convert.ToHexStringLower(SHA256.HashData(content));
        Assert.Null(_store.OpenRead(digest));
        using (var staged = await Stage(content))
        {
            Assert.Equal((digest, size), (staged.Sha256, staged.SizeBytes));
            Assert.Null(_store.OpenRead(digest));
            staged.Commit();
        }
        using var handle = _store.OpenRead(digest);
        var read = new byte[size + 1];
        Assert.Equal(size, RandomAccess.Read(handle!, read, 0));
        Assert.Equal(content, read[..size]);
        Assert.Equal(_folder.File($"{digest[..2]}/{digest}"), _store.PathOf(digest));
        Assert.Equal([_store.PathOf(digest)!], Files());
    }

    [Fact]
    public async Task What_is_not_committed_is_not_kept()
    {
        (await Stage(Random(1_000))).Dispose();
        Assert.Empty(Files());
    }

    [Fact]
    public async Task The_same_content_is_stored_once_and_counts_as_new()
    {
        var content = Random(1_000);
        using var first = await Stage(content);
        using var second = await Stage(content);
        first.Commit();
        _time.Advance(TimeSpan.FromDays(1));
        second.Commit();
        Assert.Single(Files());
        Assert.Equal(new FoundBlob(first.Sha256, _time.GetUtcNow(), IsAside: false), Assert.Single(_store.List()));
    }

    [Fact]
    public async Task A_damaged_blob_is_mended_by_uploading_it_again()
    {
        var content = Random(1_000);
        using (var staged = await Stage(content)) staged.Commit();
        string path = Assert.Single(Files());
        using var reader = File.OpenRead(path);
        File.WriteAllBytes(path, [1, 2, 3]);
        using (var staged = await Stage(content)) staged.Commit();
        Assert.Equal(content, File.ReadAllBytes(path));
        // Who was reading goes on with what it opened.
        Assert.Equal(3, reader.Read(new byte[10]));
    }

    [Fact]
    public async Task A_blob_that_is_set_aside_comes_back_as_it_was_or_goes()
    {
        var content = Random(10);
        using (var staged = await Stage(content)) staged.Commit();
        string sha256 = _store.List().Single().Sha256;
        _time.Advance(TimeSpan.FromDays(1));
        _store.SetAside(sha256, _time.GetUtcNow());
        Assert.Null(_store.OpenRead(sha256));
        Assert.Equal(new FoundBlob(sha256, _time.GetUtcNow(), IsAside: true), Assert.Single(_store.List()));
        _store.PutBack(sha256);
        Assert.Equal(content, File.ReadAllBytes(_store.PathOf(sha256)!));

        _time.Advance(TimeSpan.FromDays(1));
        _store.SetAside(sha256, _time.GetUtcNow());
        _store.Delete(sha256);
        Assert.Empty(Files());
    }

    [Fact]
    public async Task A_blob_that_was_stored_anew_is_not_set_aside()
    {
        var content = Random(10);
        using (var staged = await Stage(content)) staged.Commit();
        string sha256 = _store.List().Single().Sha256;
        _store.SetAside(sha256, _time.GetUtcNow() - TimeSpan.FromHours(1));
        Assert.Equal(content, File.ReadAllBytes(_store.PathOf(sha256)!));
    }

    [Fact]
    public async Task A_blob_that_was_stored_anew_stays_when_the_former_is_put_back()
    {
        using (var staged = await Stage(Random(10))) staged.Commit();
        string sha256 = _store.List().Single().Sha256;
        _time.Advance(TimeSpan.FromDays(1));
        _store.SetAside(sha256, _time.GetUtcNow());
        using (var staged = await Stage(Random(10))) staged.Commit();
        _store.PutBack(sha256);
        Assert.False(Assert.Single(_store.List()).IsAside);
    }

    [Fact]
    public async Task What_another_process_is_just_storing_is_no_leftover()
    {
        using var staged = await Stage(Random(10));
        _ = new BlobStore(_folder.Path, _time);
        staged.Commit();
        Assert.Equal([_store.PathOf(staged.Sha256)!], Files());
    }

    [Fact]
    public async Task What_a_kill_left_is_removed_at_the_next_start_and_blobs_stay()
    {
        using (var staged = await Stage(Random(10))) staged.Commit();
        var blob = Assert.Single(Files());
        File.WriteAllText(_folder.File("incoming/half-an-upload"), "x");
        _ = new BlobStore(_folder.Path, _time);
        Assert.Equal([blob], Files());
    }

    [Fact]
    public async Task More_than_the_limit_is_refused_and_nothing_is_kept()
    {
        Assert.Equal(1_073_741_824, BlobStore.MaxBlobBytes);
        var small = new BlobStore(_folder.Path, _time, maxBlobBytes: 1_000_000);
        Assert.Null(await small.Stage(new Zeros(1_000_001), CancellationToken.None));
        Assert.Empty(Files());
        using var largest = await small.Stage(new Zeros(1_000_000), CancellationToken.None);
        Assert.Equal(1_000_000, largest!.SizeBytes);
    }

    [Fact]
    public async Task A_broken_upload_leaves_nothing()
    {
        await Assert.ThrowsAsync<IOException>(() => _store.Stage(new Zeros(1_000_000, breaksAt: 500_000), CancellationToken.None));
        Assert.Empty(Files());
    }

    [Theory, InlineData(""), InlineData("../../etc/passwd"), InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void What_is_no_digest_names_no_blob(string name)
    {
        Assert.Null(_store.PathOf(name));
        Assert.Null(_store.OpenRead(name));
    }

    [Fact]
    public void A_folder_that_is_not_there_cannot_be_made_durable()
    {
        if (!OperatingSystem.IsWindows()) Assert.Throws<IOException>(() => DirectorySync.Flush(_folder.File("missing")));
        DirectorySync.Flush(_folder.Path);
    }

    private async Task<StagedBlob> Stage(byte[] content) => (await _store.Stage(new MemoryStream(content), CancellationToken.None))!;

    private string[] Files() => Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories);

    private static byte[] Random(int size)
    {
        var bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Zeros, as many as asked for, or an error on the way.</summary>
    private sealed class Zeros(long length, long breaksAt = long.MaxValue) : Stream
    {
        private long _given;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (_given >= breaksAt) throw new IOException("The connection broke.");
            int given = (int)Math.Min(count, length - _given);
            buffer.AsSpan(offset, given).Clear();
            _given += given;
            return given;
        }

        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
