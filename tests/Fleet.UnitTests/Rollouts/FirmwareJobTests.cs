using System.Text.Json;
using Fleet.Grains.Rollouts;
using Fleet.Interfaces.Firmware;
using Fleet.Interfaces.Jobs;

namespace Fleet.UnitTests.Rollouts;

public sealed class FirmwareJobTests
{
    private const long MiB = 1024 * 1024;

    [Fact]
    public void The_document_is_what_devices_parse() => Assert.Equal(
        """
        {"afr_ota":{"protocols":["MQTT"],"streamname":"fw-2","files":[{"filepath":"/firmware","filesize":1000,"fileid":0,"certfile":"firmware-signer","fileType":0,"sig-sha256-ecdsa":"MEU+/A=="}]},"fleet":{"operation":"firmware","model":"amr","version":"2.0.0","sha256":"aa","manifest":"e30+","manifestSignature":"MEQ="}}
        """, FirmwareJob.Document(Firmware(1000)));

    [Theory]
    [InlineData(MiB, "MQTT"), InlineData(MiB + 1, "MQTT,HTTP"), InlineData(16 * MiB, "MQTT,HTTP"), InlineData(16 * MiB + 1, "HTTP")]
    public void The_way_goes_by_size(long bytes, string protocols)
    {
        var ota = JsonDocument.Parse(FirmwareJob.Document(Firmware(bytes))).RootElement.GetProperty("afr_ota");
        Assert.Equal(protocols, string.Join(',', ota.GetProperty("protocols").EnumerateArray().Select(p => p.GetString())));
        bool hasUrl = ota.GetProperty("files")[0].TryGetProperty("update_data_url", out var url);
        Assert.Equal(protocols.Contains("HTTP", StringComparison.Ordinal), hasUrl);
        if (hasUrl) Assert.Equal(JobDocuments.DownloadUrlPlaceholder, url.GetString());
    }

    private static FirmwareView Firmware(long bytes) => new()
    {
        Model = Given.Amr,
        Version = Given.V2,
        Status = FirmwareStatus.Published,
        SizeBytes = bytes,
        Sha256 = "aa",
        Signature = "MEU+/A==",
        Manifest = "e30+",
        ManifestSignature = "MEQ=",
        Stream = Given.Stream,
        UploadedAt = Given.Noon,
        PublishedAt = Given.Noon,
    };
}
