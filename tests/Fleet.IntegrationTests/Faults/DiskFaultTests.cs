using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Faults;

/// <summary>The service on a disk that is full, or fails: what it cannot store it refuses, and it goes on when the disk is well again.</summary>
public sealed class DiskFaultTests : IAsyncLifetime
{
    private ForgetfulDisk _disk = null!;
    private FleetService _fleet = null!;
    private readonly List<string> _devices = [];
    private readonly List<string> _retained = [];

    public async ValueTask InitializeAsync()
    {
        _disk = await ForgetfulDisk.Make();
        _fleet = await FleetService.StartOn(_disk, "Fleet:Gateway:PlainPort=0");
    }

    public async ValueTask DisposeAsync()
    {
        if (_fleet is not null) await _fleet.DisposeAsync();
    }

    [Fact]
    public async Task On_a_full_disk_an_upload_is_507_and_nothing_acknowledged_is_lost()
    {
        var uploads = new AcknowledgedUploads(_fleet);
        await uploads.Upload();
        await WriteUntilRefused(DiskState.Full);
        await Refused("firmware/amr/9.0.0", HttpStatusCode.InsufficientStorage, "insufficient-storage");
        await GoesOn(uploads);
    }

    [Theory, InlineData("WritesFail"), InlineData("SyncsFail")]
    public async Task A_disk_that_fails_is_503_and_nothing_acknowledged_is_lost(string state)
    {
        var uploads = new AcknowledgedUploads(_fleet);
        await uploads.Upload();
        await WriteUntilRefused(Enum.Parse<DiskState>(state));
        await Refused("firmware/amr/9.0.0", HttpStatusCode.ServiceUnavailable, "storage-unavailable");
        await GoesOn(uploads);
    }

    /// <summary>Registers devices and publishes retained messages until the disk has refused some of each.</summary>
    private async Task WriteUntilRefused(DiskState state)
    {
        await using var client = await WireDevice.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = _fleet.PlainPort, ClientId = "p" });
        using var http = _fleet.NewHttpClient();
        int devicesRefused = 0, messagesRefused = 0;
        for (int i = 0; devicesRefused < 3 || messagesRefused < 3; i++)
        {
            Assert.True(i < 3_000, "The disk refuses nothing.");
            if (i == 20) _disk.State = state;
            using var response = await http.PutAsJsonAsync($"/api/v1/devices/d-{i}", new JsonObject { ["model"] = "amr" });
            if (response.IsSuccessStatusCode) _devices.Add($"d-{i}");
            else
            {
                string problem = await response.Content.ReadAsStringAsync();
                Assert.True(response.StatusCode is HttpStatusCode.ServiceUnavailable, problem);
                Assert.Contains("storage-unavailable", problem, StringComparison.Ordinal);
                devicesRefused++;
            }
            if (await client.Client.PublishAsync($"r/{i}", Encoding.UTF8.GetBytes($"{i}"), Qos.AtLeastOnce, retain: true) is ReasonCode.Success) _retained.Add($"r/{i}");
            else messagesRefused++;
        }
        Assert.True(_devices.Count >= 20 && _retained.Count >= 20);
    }

    private async Task Refused(string path, HttpStatusCode status, string code)
    {
        using var content = new ByteArrayContent(new byte[300_000]);
        await _fleet.Problem(HttpMethod.Put, path, content, status, code);
    }

    /// <summary>The disk is well again: so is the service, at once, and after a power cut all is there that was acknowledged.</summary>
    private async Task GoesOn(AcknowledgedUploads uploads)
    {
        _disk.State = DiskState.Well;
        await _fleet.Api(HttpMethod.Put, "devices/after", new JsonObject { ["model"] = "amr" });
        _devices.Add("after");
        await uploads.Upload();
        await AllAreThere(uploads, "when the disk is well again");
        await _fleet.CutPower();
        await _fleet.StartAgain();
        await AllAreThere(uploads, "after a power cut");
    }

    private async Task AllAreThere(AcknowledgedUploads uploads, string when)
    {
        await uploads.AllAreThere(when);
        foreach (string device in _devices) await _fleet.Get($"devices/{device}");
        await using var client = await WireDevice.Connect(new MqttClientOptions { Host = "127.0.0.1", Port = _fleet.PlainPort, ClientId = $"look {when}" });
        await client.Client.SubscribeAsync("r/#", Qos.AtLeastOnce);
        var missing = _retained.ToHashSet();
        while (missing.Count > 0) missing.Remove((await client.Next(_ => true)).Topic);
    }
}
