using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Streams;
using Fleet.UnitTests.Certificates;
using Orleans.Runtime;

namespace Fleet.UnitTests.Firmware;

public sealed class FirmwareGrainTests : IAsyncLifetime
{
    private static readonly byte[] File = "the firmware"u8.ToArray();
    private static readonly FirmwareUpload Upload = new(Convert.ToHexStringLower(SHA256.HashData(File)), File.Length, null);

    private FleetUnderTest _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetUnderTest.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task An_upload_is_signed_file_and_manifest()
    {
        var stored = Assert.IsType<UploadFirmwareResult.Stored>(await Grain.Upload(Upload));
        Assert.True(stored.Created);
        using var signer = X509Certificate2.CreateFromPem(_fleet.Pki.FirmwareSigner.CertificatePem);
        using var key = signer.GetECDsaPublicKey()!;
        Assert.True(key.VerifyData(File, Convert.FromBase64String(stored.Firmware.Signature), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        var manifest = Convert.FromBase64String(stored.Firmware.Manifest);
        Assert.True(key.VerifyData(manifest, Convert.FromBase64String(stored.Firmware.ManifestSignature), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        Assert.Contains(Upload.Sha256, System.Text.Encoding.UTF8.GetString(manifest), StringComparison.Ordinal);

        var again = Assert.IsType<UploadFirmwareResult.Stored>(await Grain.Upload(Upload));
        Assert.Equal((stored.Firmware, false), (again.Firmware, again.Created));
        Assert.IsType<UploadFirmwareResult.VersionInUse>(await Grain.Upload(Upload with { SizeBytes = 1 }));
    }

    [Fact]
    public async Task Publishing_opens_the_stream()
    {
        Assert.IsType<PublishFirmwareResult.NotFound>(await Grain.Publish());
        var firmware = Assert.IsType<UploadFirmwareResult.Stored>(await Grain.Upload(Upload)).Firmware;
        var stream = _fleet.Grains.GetGrain<IFirmwareStreamGrain>(firmware.Stream.Value);
        Assert.Null(await stream.Lease("gateway-1"));

        var published = Assert.IsType<PublishFirmwareResult.Published>(await Grain.Publish()).Firmware;
        Assert.Equal((FirmwareStatus.Published, _fleet.Time.GetUtcNow()), (published.Status, published.PublishedAt));
        var lease = await stream.Lease("gateway-1");
        Assert.Equal(new StreamFile(0, File.Length, Upload.Sha256), Assert.Single(lease!.Description.Files));
        Assert.Equal(1, lease.Version);

        _fleet.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(published, Assert.IsType<PublishFirmwareResult.Published>(await Grain.Publish()).Firmware);
        Assert.Equal(published, await Grain.Get());
    }

    [Fact]
    public async Task A_publication_that_could_not_be_written_is_mended_by_the_repeat()
    {
        await Grain.Upload(Upload);
        _fleet.Storage.NextFailure = new IOException("disk");
        await Assert.ThrowsAsync<OrleansException>(Grain.Publish);
        Assert.Equal(FirmwareStatus.Uploaded, (await Grain.Get())!.Status);
        Assert.IsType<PublishFirmwareResult.Published>(await Grain.Publish());
    }

    [Fact]
    public async Task After_a_publication_that_broke_off_was_abandoned_the_version_takes_other_bytes()
    {
        var firmware = Assert.IsType<UploadFirmwareResult.Stored>(await Grain.Upload(Upload)).Firmware;
        var stream = _fleet.Grains.GetGrain<IFirmwareStreamGrain>(firmware.Stream.Value);
        await stream.Open(new StreamDescription("amr 1.0.0", [new StreamFile(0, File.Length, Upload.Sha256)]));
        _fleet.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await Grain.KeepUnlessAbandoned(_fleet.Time.GetUtcNow()));
        Assert.Null(await stream.Lease("gateway-1"));
        var other = Upload with { Sha256 = new string('b', 64) };
        await Grain.Upload(other);
        Assert.IsType<PublishFirmwareResult.Published>(await Grain.Publish());
        Assert.Equal(other.Sha256, Assert.Single((await stream.Lease("gateway-1"))!.Description.Files).Sha256);
    }

    [Fact]
    public async Task A_repeated_upload_keeps_a_version_from_being_abandoned()
    {
        await Grain.Upload(Upload);
        _fleet.Time.Advance(TimeSpan.FromDays(29));
        await Grain.Upload(Upload);
        Assert.NotNull(await Grain.KeepUnlessAbandoned(_fleet.Time.GetUtcNow()));
    }

    [Fact]
    public async Task Only_what_was_never_published_can_be_abandoned()
    {
        Assert.Null(await Grain.KeepUnlessAbandoned(_fleet.Time.GetUtcNow()));
        await Grain.Upload(Upload);
        Assert.NotNull(await Grain.KeepUnlessAbandoned(_fleet.Time.GetUtcNow()));
        _fleet.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await Grain.KeepUnlessAbandoned(_fleet.Time.GetUtcNow()));
        Assert.IsType<PublishFirmwareResult.NotFound>(await Grain.Publish());
        Assert.True(Assert.IsType<UploadFirmwareResult.Stored>(await Grain.Upload(Upload)).Created);
        await Grain.Publish();
        _fleet.Time.Advance(TimeSpan.FromDays(1_000));
        Assert.Equal(FirmwareStatus.Published, (await Grain.KeepUnlessAbandoned(_fleet.Time.GetUtcNow()))!.Status);
    }

    private IFirmwareGrain Grain => _fleet.Grains.GetGrain<IFirmwareGrain>("amr/1.0.0");
}
