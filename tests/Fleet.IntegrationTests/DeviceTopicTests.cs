using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests;

/// <summary>A device on the wire: its own topics, nobody else's, and every request answered as spec/aws-iot-topics.md has it.</summary>
public sealed class DeviceTopicTests : IAsyncLifetime
{
    private FleetService _fleet = null!;
    private WireDevice _device = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await FleetService.Start();
        _device = await WireDevice.New(_fleet, "amr-1");
    }

    public async ValueTask DisposeAsync()
    {
        await _device.DisposeAsync();
        await _fleet.DisposeAsync();
    }

    [Fact]
    public async Task A_device_has_its_own_topics_and_nobody_else_s()
    {
        Assert.Equal(ReasonCode.GrantedQos1, await _device.Client.SubscribeAsync("fleet/amr-1/#", Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await _device.Client.SubscribeAsync("fleet/amr-2/#", Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await _device.Client.SubscribeAsync("#", Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await _device.Client.PublishAsync("fleet/amr-2/heartbeat", default, Qos.AtLeastOnce));
        Assert.Equal(ReasonCode.NotAuthorized, await _device.Client.PublishAsync("$aws/things/amr-2/shadow/get", default, Qos.AtLeastOnce));
        await _device.Client.PublishAsync("fleet/amr-1/hello", "hi"u8.ToArray(), Qos.AtLeastOnce);
        Assert.Equal("hi"u8.ToArray(), (await _device.Next(t => t == "fleet/amr-1/hello")).Payload.ToArray());
    }

    [Fact]
    public async Task Shadow_updates_are_accepted_with_versions_and_conflicts_are_told()
    {
        var first = await _device.Ask("$aws/things/amr-1/shadow/update",
            JsonNode.Parse("""{"state":{"reported":{"firmware":{"version":"1.0.0"},"health":"ok"}},"clientToken":"t1"}""")!);
        Assert.Equal("t1", (string?)first["clientToken"]);
        long version = (long)first["version"]!;
        var conflict = await _device.AskInVain("$aws/things/amr-1/shadow/update", $$$"""{"state":{"reported":{"a":1}},"version":{{{version + 7}}}}""");
        Assert.Equal(409, (int)conflict["code"]!);
        Assert.Equal(400, (int)(await _device.AskInVain("$aws/things/amr-1/shadow/update", "{nonsense"))["code"]!);
        var whole = await _device.Ask("$aws/things/amr-1/shadow/get", new JsonObject());
        Assert.Equal("1.0.0", (string?)whole["state"]!["reported"]!["firmware"]!["version"]);
        await Eventually.True(async () => (string?)(await _fleet.Get("devices/amr-1"))["firmware"] == "1.0.0", () => "the device does not show its firmware");
    }

    [Fact]
    public async Task Blocks_come_in_json_and_in_cbor_and_add_up_to_the_file()
    {
        var (stream, size, digest) = await OfferedStream();
        byte[] file = new byte[size];
        await _device.Client.SubscribeAsync($"$aws/things/amr-1/streams/{stream}/data/+", Qos.AtLeastOnce);
        int blocks = (int)((size + 4095) / 4096);
        for (int offset = 0; offset < blocks; offset += 16)
        {
            bool cbor = offset % 32 == 0;
            byte[] request = cbor ? Cbor(offset) : Encoding.UTF8.GetBytes($$"""{"c":"t","s":1,"f":0,"l":4096,"o":{{offset}},"n":16}""");
            await _device.Client.PublishAsync($"$aws/things/amr-1/streams/{stream}/get/{(cbor ? "cbor" : "json")}", request, Qos.AtLeastOnce);
            for (int i = 0; i < Math.Min(16, blocks - offset); i++)
            {
                var message = await _device.Next(t => t.Contains("/data/", StringComparison.Ordinal));
                var (block, payload) = cbor ? ReadCbor(message.Payload) : ReadJson(message.Payload);
                payload.CopyTo(file.AsSpan(block * 4096));
            }
        }
        Assert.Equal(digest, Convert.ToHexStringLower(SHA256.HashData(file)));

        static byte[] Cbor(int offset)
        {
            var writer = new CborWriter();
            writer.WriteStartMap(4);
            foreach (var (key, value) in new[] { ("f", 0), ("l", 4096), ("o", offset), ("n", 16) })
            {
                writer.WriteTextString(key);
                writer.WriteInt32(value);
            }
            writer.WriteEndMap();
            return writer.Encode();
        }
    }

    [Theory]
    [InlineData("""{"f":0,"l":100,"o":0,"n":1}""", "BlockSizeOutOfBounds")]
    [InlineData("""{"f":0,"l":4096,"o":99000,"n":1}""", "OffsetOutOfBounds")]
    [InlineData("""{"f":0,"l":4096,"o":0,"n":99000}""", "BlockCountLimitExceeded")]
    [InlineData("""{"f":7,"l":4096,"o":0,"n":1}""", "ResourceNotFound")]
    [InlineData("""{"s":9,"f":0,"l":4096,"o":0,"n":1}""", "VersionMismatch")]
    [InlineData("""{"l":4096}""", "InvalidRequest")]
    [InlineData("{nonsense", "InvalidJson")]
    public async Task A_bad_block_request_is_told_what_is_wrong(string request, string code)
    {
        var (stream, _, _) = await OfferedStream();
        await _device.Client.SubscribeAsync($"$aws/things/amr-1/streams/{stream}/rejected/json", Qos.AtLeastOnce);
        await _device.Client.PublishAsync($"$aws/things/amr-1/streams/{stream}/get/json", Encoding.UTF8.GetBytes(request), Qos.AtLeastOnce);
        var answer = JsonNode.Parse((await _device.Next(t => t.EndsWith("/rejected/json", StringComparison.Ordinal))).Payload.Span)!;
        Assert.Equal(code, (string?)answer["o"]);
        Assert.Equal(code, (string?)answer["code"]);
    }

    [Fact]
    public async Task A_download_ends_with_its_job()
    {
        var (stream, _, _) = await OfferedStream();
        var execution = (await _device.Ask("$aws/things/amr-1/jobs/start-next", new JsonObject()))["execution"]!;
        await _device.Ask($"$aws/things/amr-1/jobs/{execution["jobId"]}/update",
            JsonNode.Parse("""{"status":"REJECTED","statusDetails":{"reason":"not today"}}""")!);
        var again = await _device.AskInVain($"$aws/things/amr-1/jobs/{execution["jobId"]}/update", """{"status":"IN_PROGRESS","clientToken":"c"}""");
        Assert.Equal("InvalidStateTransition", (string?)again["code"]);
        Assert.Equal("REJECTED", (string?)again["executionState"]!["status"]);
        await _device.Client.SubscribeAsync($"$aws/things/amr-1/streams/{stream}/rejected/json", Qos.AtLeastOnce);
        await _device.Client.PublishAsync($"$aws/things/amr-1/streams/{stream}/get/json", """{"f":0,"l":4096,"o":0,"n":1}"""u8.ToArray(), Qos.AtLeastOnce);
        var answer = JsonNode.Parse((await _device.Next(t => t.EndsWith("/rejected/json", StringComparison.Ordinal))).Payload.Span)!;
        Assert.Equal("Unauthorized", (string?)answer["o"]);
    }

    /// <summary>A published version, offered to the device: its stream, size in bytes and digest as the job document gives them.</summary>
    private async Task<(string Stream, long Size, string Sha256)> OfferedStream()
    {
        await _fleet.Publish("amr", "1.1.0", size: "200KiB");
        await _fleet.StartRollout(Rollouts.Request("amr", "1.1.0"));
        JsonNode? execution = null;
        await Eventually.True(
            async () => (execution = (await _device.Ask("$aws/things/amr-1/jobs/$next/get", new JsonObject()))["execution"]) is not null,
            () => "no job was offered");
        var document = execution!["jobDocument"]!;
        return ((string)document["afr_ota"]!["streamname"]!, (long)document["afr_ota"]!["files"]![0]!["filesize"]!, (string)document["fleet"]!["sha256"]!);
    }

    private static (int Block, byte[] Payload) ReadJson(ReadOnlyMemory<byte> message)
    {
        var json = JsonNode.Parse(message.Span)!;
        return ((int)json["i"]!, Convert.FromBase64String((string)json["p"]!));
    }

    private static (int Block, byte[] Payload) ReadCbor(ReadOnlyMemory<byte> message)
    {
        var reader = new CborReader(message);
        int block = -1;
        byte[] payload = [];
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            switch (reader.ReadTextString())
            {
                case "i": block = reader.ReadInt32(); break;
                case "p": payload = reader.ReadByteString(); break;
                default: reader.SkipValue(); break;
            }
        }
        return (block, payload);
    }
}
