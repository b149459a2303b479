using System.Text;
using Fleet.Grains.Firmware;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Firmware;

public sealed class FirmwareCoreTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly ModelName Model = ModelName.TryParse("amr", out var model) ? model : default;
    private static readonly FirmwareVersion Version = VersionOf("1.1.0");
    private static readonly FirmwareUpload Upload = new(new string('a', 64), 1_000, VersionOf("1.0.0"));

    private static readonly FirmwareState Stored = FirmwareCore.Store(Model, Version, Upload, [1], FirmwareManifest.BytesFor(Model, Version, Upload), [2], Noon);

    [Fact]
    public void The_first_upload_of_a_version_is_stored()
    {
        Assert.Null(FirmwareCore.Repeat(new(), Upload, Noon));
        var firmware = Stored.Firmware!;
        Assert.Equal((FirmwareStatus.Uploaded, 1_000L, "AQ==", "Ag==", VersionOf("1.0.0")),
            (firmware.Status, firmware.SizeBytes, firmware.Signature, firmware.ManifestSignature, firmware.Floor));
        Assert.Equal(new Fleet.Grains.Index.CatalogRow("firmware", "amr/1.1.0", "uploaded", Noon), Stored.ToCatalogRow());
        Assert.Null(new FirmwareState().ToCatalogRow());
    }

    [Fact]
    public void A_repeat_answers_as_the_first_did_and_a_version_is_never_replaced()
    {
        var published = FirmwareCore.Publish(Stored, Noon);
        Assert.Equal((new UploadFirmwareResult.Stored(published.Firmware!, Created: false), published), FirmwareCore.Repeat(published, Upload, Noon.AddDays(1)));
        foreach (var other in new[] { Upload with { Sha256 = new string('b', 64) }, Upload with { SizeBytes = 1 }, Upload with { Floor = null } })
            Assert.Equal((new UploadFirmwareResult.VersionInUse(Stored.Firmware!), Stored), FirmwareCore.Repeat(Stored, other, Noon.AddDays(1)));
    }

    [Fact]
    public void What_is_not_published_yet_counts_as_uploaded_when_it_was_uploaded_last()
    {
        var (answer, renewed) = FirmwareCore.Repeat(Stored, Upload, Noon.AddDays(29))!.Value;
        Assert.Equal(new UploadFirmwareResult.Stored(Stored.Firmware! with { UploadedAt = Noon.AddDays(29) }, Created: false), answer);
        Assert.False(FirmwareCore.IsAbandoned(renewed, Noon.AddDays(1)));
        Assert.True(FirmwareCore.IsAbandoned(Stored, Noon.AddDays(1)));
    }

    [Fact]
    public void Publishing_happens_once()
    {
        var published = FirmwareCore.Publish(Stored, Noon.AddHours(1));
        Assert.Equal((FirmwareStatus.Published, Noon.AddHours(1)), (published.Firmware!.Status, published.Firmware.PublishedAt));
        Assert.Same(published, FirmwareCore.Publish(published, Noon.AddHours(2)));
        Assert.Equal("published", published.ToCatalogRow()!.Status);
        Assert.Equal(new FirmwareState(), FirmwareCore.Publish(new(), Noon));
    }

    [Fact]
    public void The_manifest_names_what_is_signed()
    {
        Assert.Equal("""{"model":"amr","version":"1.1.0","sizeBytes":1000,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","floor":"1.0.0"}""",
            Encoding.UTF8.GetString(FirmwareManifest.BytesFor(Model, Version, Upload)));
        Assert.DoesNotContain("floor", Encoding.UTF8.GetString(FirmwareManifest.BytesFor(Model, Version, Upload with { Floor = null })), StringComparison.Ordinal);
    }

    [Fact]
    public void The_stream_s_id_is_short_and_follows_from_the_name()
    {
        // printf amr/1.1.0 | sha256sum
        Assert.Equal("fw-dd15a712d81ecd5eacef18de1a86187a", FirmwareCore.StreamOf(Model, Version).Value);
        Assert.NotEqual(FirmwareCore.StreamOf(Model, Version), FirmwareCore.StreamOf(Model, VersionOf("1.1.1")));
        var description = FirmwareCore.Describe(Stored.Firmware!);
        Assert.Equal(("amr 1.1.0", 0, 1_000L, Upload.Sha256), (description.Description, description.Files.Single().FileId, description.Files.Single().SizeBytes, description.Files.Single().Sha256));
    }

    [Fact]
    public void The_state_survives_storage()
    {
        var options = Fleet.Grains.GrainStateJson.Options;
        foreach (var state in new[] { new FirmwareState(), Stored, FirmwareCore.Publish(Stored, Noon) })
            Assert.Equal(state, System.Text.Json.JsonSerializer.Deserialize<FirmwareState>(System.Text.Json.JsonSerializer.Serialize(state, options), options));
    }

    [Theory, InlineData("amr/1.1.0", true), InlineData("amr", false), InlineData("amr/x", false), InlineData("/1.1.0", false), InlineData("a/b/1.1.0", false)]
    public void Keys_are_model_and_version(string key, bool valid) => Assert.Equal(valid, FirmwareKeys.TryParse(key, out _, out _));

    private static FirmwareVersion VersionOf(string text) => FirmwareVersion.TryParse(text, out var version) ? version : throw new ArgumentException(text);
}
