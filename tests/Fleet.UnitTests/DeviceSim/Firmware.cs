using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Images;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>A firmware version as the service would publish it.</summary>
internal sealed record Firmware(string Version, byte[] Image)
{
    public const string Stream = "stream-1";

    public string Model { get; init; } = "amr";
    public string? Floor { get; init; }
    public string[] Protocols { get; init; } = ["MQTT"];
    public string? Url { get; init; }
    public Pki SignedBy { get; init; } = Pki.Ours;

    /// <summary>What the job document says beside its manifest; usually the same.</summary>
    public string? ClaimedVersion { get; init; }

    /// <summary>What is sent in its place; null for the image itself.</summary>
    public byte[]? Served { get; init; }

    public string Sha256 => Convert.ToHexStringLower(SHA256.HashData(Image));

    public static Firmware Of(string version, int bytes = 20_000, string health = "ok")
    {
        var header = new SimulatedImage(version, health).Header();
        var image = new byte[bytes];
        new Random(bytes).NextBytes(image);
        header.CopyTo(image, 0);
        return new Firmware(version, image);
    }

    public JsonObject Document()
    {
        var manifest = new JsonObject { ["model"] = Model, ["version"] = Version, ["sizeBytes"] = Image.Length, ["sha256"] = Sha256 };
        if (Floor is not null) manifest["floor"] = Floor;
        var manifestBytes = Encoding.UTF8.GetBytes(manifest.ToJsonString());
        var file = new JsonObject
        {
            ["filepath"] = "/firmware", ["filesize"] = Image.Length, ["fileid"] = 0, ["certfile"] = "firmware-signer", ["fileType"] = 0,
            ["sig-sha256-ecdsa"] = Convert.ToBase64String(SignedBy.Sign(Image)),
        };
        if (Url is not null) file["update_data_url"] = Url;
        return new JsonObject
        {
            ["afr_ota"] = new JsonObject
            {
                ["protocols"] = new JsonArray([.. Protocols.Select(p => (JsonNode)p)]), ["streamname"] = Stream, ["files"] = new JsonArray(file),
            },
            ["fleet"] = new JsonObject
            {
                ["operation"] = "firmware", ["model"] = Model, ["version"] = ClaimedVersion ?? Version, ["sha256"] = Sha256,
                ["manifest"] = Convert.ToBase64String(manifestBytes), ["manifestSignature"] = Convert.ToBase64String(SignedBy.Sign(manifestBytes)),
            },
        };
    }

    public JobExecutionMessage Execution(string jobId = "job-1", long number = 1, string status = "IN_PROGRESS", string? step = "downloading") => new()
    {
        JobId = jobId,
        ExecutionNumber = number,
        Status = status,
        StatusDetails = step is null ? null : new Dictionary<string, string> { ["step"] = step },
        JobDocument = JsonSerializer.SerializeToElement(Document()),
    };

    public FirmwareJob Job(string jobId = "job-1", long number = 1) => new()
    {
        Key = new JobKey(jobId, number), Version = Version, SizeBytes = Image.Length, Sha256 = Sha256,
        Signature = SignedBy.Sign(Image), Floor = Floor, Stream = Stream, Url = Url,
    };
}
