using System.Security.Cryptography;
using System.Text;
using Fleet.Grains.Index;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;
using Fleet.Silo.Blobs;
using Fleet.UnitTests.Certificates;
using Fleet.UnitTests.Pki;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans;

namespace Fleet.UnitTests.Blobs;

public sealed class BlobCollectorTests : IAsyncLifetime
{
    private static readonly TimeSpan KeepUnpublished = TimeSpan.FromDays(30);

    private readonly TemporaryFolder _folder = new();
    private readonly Listed _catalog = new();
    private readonly List<string> _asked = [];
    private FleetUnderTest _fleet = null!;
    private BlobStore _blobs = null!;
    private BlobCollector _collector = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetUnderTest.Start();
        _blobs = new BlobStore(_folder.Path, _fleet.Time);
        _collector = Collector();
    }

    public async ValueTask DisposeAsync()
    {
        _collector.Dispose();
        await _fleet.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_blob_that_no_firmware_names_goes_after_two_rounds_and_not_while_it_is_young()
    {
        await Store("published");
        string published = await Upload("amr/1.0.0", "published");
        await Grain("amr/1.0.0").Publish();
        await Upload("amr/1.1.0", "uploaded");
        // Its record could not be written, or another upload of its version was first.
        string lost = await Store("lost");
        await Collect(TimeSpan.FromMinutes(59));
        Assert.Equal(3, Blobs.Count);
        await Collect(TimeSpan.FromMinutes(2));
        Assert.True(Blobs.Single(blob => blob.Sha256 == lost).IsAside);
        await Collect(TimeSpan.FromHours(2));
        Assert.Equal(2, Blobs.Count);
        Assert.NotNull(_blobs.OpenRead(published));
    }

    [Fact]
    public async Task A_blob_that_is_named_at_the_last_moment_comes_back()
    {
        string late = await Store("late");
        await Collect(TimeSpan.FromHours(2));
        Assert.True(Blobs.Single().IsAside);
        await Name("amr/1.0.0", late);
        await Collect(TimeSpan.FromHours(2));
        Assert.False(Blobs.Single().IsAside);
    }

    [Fact]
    public async Task A_version_that_is_never_published_is_forgotten_with_its_file()
    {
        await Upload("amr/1.0.0", "abandoned");
        string kept = await Upload("amr/2.0.0", "published");
        await Grain("amr/2.0.0").Publish();
        await Collect(KeepUnpublished - TimeSpan.FromMinutes(1));
        Assert.Equal(2, Blobs.Count);
        for (int i = 0; i < 3; i++) await Collect(TimeSpan.FromHours(2));
        Assert.Equal(kept, Assert.Single(Blobs).Sha256);
        Assert.Null(await Grain("amr/1.0.0").Get());
        Assert.NotNull(await Grain("amr/2.0.0").Get());
        // It may be uploaded anew.
        await Upload("amr/1.0.0", "abandoned");
        Assert.Equal(FirmwareStatus.Uploaded, (await Grain("amr/1.0.0").Get())!.Status);
    }

    [Fact]
    public async Task While_a_firmware_cannot_be_asked_nothing_is_taken()
    {
        string named = await Upload("amr/1.0.0", "named");
        _catalog.Failure = new IOException("disk");
        await Assert.ThrowsAsync<IOException>(() => Collect(TimeSpan.FromHours(2)));
        Assert.Equal(named, Assert.Single(Blobs).Sha256);
        Assert.False(Assert.Single(Blobs).IsAside);
    }

    [Fact]
    public async Task One_of_several_processes_collects_each_hour()
    {
        await Upload("amr/1.0.0", "named");
        using var other = Collector();
        await CollectIfDue(_collector, TimeSpan.FromHours(2));
        Assert.Equal(1, _catalog.Lists);
        await CollectIfDue(other, TimeSpan.FromMinutes(59));
        using (_blobs.TryBeginRound(TimeSpan.Zero)) await CollectIfDue(other, TimeSpan.FromMinutes(1));
        Assert.Equal(1, _catalog.Lists);
        await CollectIfDue(other, TimeSpan.Zero);
        Assert.Equal(2, _catalog.Lists);
    }

    [Fact]
    public async Task A_round_that_broke_off_is_begun_again_at_once()
    {
        _catalog.Failure = new IOException("disk");
        await Assert.ThrowsAsync<IOException>(() => CollectIfDue(_collector, TimeSpan.Zero));
        _catalog.Failure = null;
        await CollectIfDue(_collector, TimeSpan.Zero);
        Assert.Equal(2, _catalog.Lists);
    }

    [Fact]
    public async Task A_published_version_is_asked_once()
    {
        string published = await Upload("amr/1.0.0", "published");
        await Grain("amr/1.0.0").Publish();
        await Upload("amr/2.0.0", "uploaded");
        for (int i = 0; i < 4; i++) await Collect(TimeSpan.FromHours(2));
        Assert.Equal(["amr/1.0.0", .. Enumerable.Repeat("amr/2.0.0", 4)], _asked.Order());
        Assert.NotNull(_blobs.OpenRead(published));
    }

    [Fact]
    public async Task What_a_killed_process_was_receiving_is_removed_by_the_next_round_of_another()
    {
        await File.WriteAllTextAsync(_folder.File("incoming/half-an-upload"), "x");
        await Collect(TimeSpan.Zero);
        Assert.Empty(Directory.GetFiles(_folder.File("incoming")));
    }

    private List<FoundBlob> Blobs => _blobs.List();

    private IFirmwareGrain Grain(string key) => _fleet.Grains.GetGrain<IFirmwareGrain>(key);

    private BlobCollector Collector() => new(
        _blobs, _catalog, new Watched(_fleet.Grains, _asked), _fleet.Time, Options.Create(new BlobOptions()), NullLogger<BlobCollector>.Instance);

    private async Task CollectIfDue(BlobCollector collector, TimeSpan later)
    {
        _fleet.Time.Advance(later);
        await collector.CollectIfDue(CancellationToken.None);
    }

    private async Task Collect(TimeSpan later)
    {
        _fleet.Time.Advance(later);
        await _collector.Collect(CancellationToken.None);
    }

    private async Task<string> Upload(string key, string content)
    {
        string sha256 = await Store(content);
        await Name(key, sha256);
        return sha256;
    }

    private async Task Name(string key, string sha256)
    {
        await Grain(key).Upload(new FirmwareUpload(sha256, 1, null));
        _catalog.Keys.Add(key);
    }

    private async Task<string> Store(string content)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(content);
        using var staged = await _blobs.Stage(new MemoryStream(bytes), CancellationToken.None);
        staged!.Commit();
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), staged.Sha256);
        return staged.Sha256;
    }

    private sealed class Watched(IGrainFactory grains, List<string> asked) : StringKeyedGrains
    {
        public override T GetGrain<T>(string primaryKey, string? grainClassNamePrefix = null)
        {
            asked.Add(primaryKey);
            return grains.GetGrain<T>(primaryKey, grainClassNamePrefix);
        }

        public override T CreateObjectReference<T>(IGrainObserver obj) => throw new NotSupportedException();

        public override void DeleteObjectReference<T>(IGrainObserver obj) => throw new NotSupportedException();
    }

    /// <summary>A catalog that may list what is no more: the collector asks the grain.</summary>
    private sealed class Listed : ICatalog
    {
        public SortedSet<string> Keys { get; } = new(StringComparer.Ordinal);
        public Exception? Failure { get; set; }

        /// <summary>How often a list was begun.</summary>
        public int Lists { get; private set; }

        public Task<ImmutableArray<CatalogRow>> List(string kind, string? after, int limit, CancellationToken cancellation)
        {
            if (after is null) Lists++;
            return Failure is { } failure
                ? Task.FromException<ImmutableArray<CatalogRow>>(failure)
                : Task.FromResult<ImmutableArray<CatalogRow>>(
                    [.. Keys.Where(key => string.CompareOrdinal(key, after) > 0).Take(1).Select(key => new CatalogRow(kind, key, "uploaded", default))]);
        }
    }
}
