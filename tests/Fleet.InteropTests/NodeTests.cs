using System.Text.Json.Nodes;
using Fleet.IntegrationTests.Support;

namespace Fleet.InteropTests;

/// <summary>Node's clients: MQTT.js as an operator over WebSocket and as a device over TLS, and the AWS IoT Device SDK as a device.</summary>
public sealed class NodeTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Theory, InlineData(4), InlineData(5)]
    public async Task Mqtt_js_as_an_operator_over_websocket(int version)
    {
        Strangers.Need("npm:mqtt", "npm package mqtt in FLEET_TEST_NPM");
        var said = await Run("mqttjs.mjs", $"ws://127.0.0.1:{_fleet.Http.Port}/mqtt", "dashboard/x", new JsonObject
        {
            ["protocolVersion"] = version, ["clientId"] = "browser", ["username"] = "operator", ["password"] = _fleet.AdminToken,
        }.ToJsonString());
        Heard(said, "dashboard/x", version);
    }

    [Theory, InlineData(4), InlineData(5)]
    public async Task Mqtt_js_as_a_device_over_tls(int version)
    {
        Strangers.Need("npm:mqtt", "npm package mqtt in FLEET_TEST_NPM");
        var device = await DeviceFiles.Enrol(_fleet, "lamp-1");
        var said = await Run("mqttjs.mjs", $"mqtts://localhost:{_fleet.MqttsPort}", "fleet/lamp-1/x", new JsonObject
        {
            ["protocolVersion"] = version, ["clientId"] = "lamp-1", ["ca"] = device.Ca, ["cert"] = device.Cert, ["key"] = device.Key,
        }.ToJsonString());
        Heard(said, "fleet/lamp-1/x", version);
    }

    [Theory, InlineData("311"), InlineData("5")]
    public async Task The_aws_sdk_has_its_shadow_and_its_job(string version)
    {
        Strangers.Need("npm:aws-iot-device-sdk-v2", "npm package aws-iot-device-sdk-v2 in FLEET_TEST_NPM");
        string model = $"sdk{version}", thing = $"{model}-1";
        var device = await DeviceFiles.Enrol(_fleet, thing, model);
        await _fleet.Publish(model, "1.1.0");
        await using var sdk = Node("awssdk.mjs", version, "localhost", $"{_fleet.MqttsPort}", device.Ca, device.Cert, device.Key, thing);
        await Eventually.True(() => Task.FromResult(sdk.HasExited || sdk.Output.Contains("ready", StringComparison.Ordinal)), () => sdk.Output);
        Assert.False(sdk.HasExited, sdk.Output);
        await _fleet.StartRollout(Rollouts.Request(model, "1.1.0"));
        Assert.True(await sdk.Exited(Patience()) == 0, sdk.Output);
        var said = JsonNode.Parse(sdk.Output.Split('\n')[^1])!;
        Assert.Equal(("hello", 0, "idle", "IN_PROGRESS"), ((string)said["echo"]!, (int)said["ack"]!, (string)said["mode"]!, (string)said["started"]!));
        Assert.True((int)said["version"]! >= 1, sdk.Output);
        Assert.Equal((string)said["job"]!, (string)said["described"]!);
    }

    private static void Heard(JsonNode said, string topic, int version)
    {
        string from = version == 5 ? "node" : "-";
        Assert.Equal(2, (int)said["granted"]!);
        Assert.Equal([$"{topic} m0 0 {from}", $"{topic} m1 1 {from}", $"{topic} m2 2 {from}"], said["heard"]!.AsArray().Select(h => (string)h!));
    }

    private static async Task<JsonNode> Run(string script, params string[] arguments)
    {
        await using var node = Node(script, arguments);
        Assert.True(await node.Exited(Patience()) == 0, node.Output);
        return JsonNode.Parse(node.Output.Split('\n')[^1])!;
    }

    private static ChildProcess Node(string script, params string[] arguments) =>
        ChildProcess.Start("node", [Strangers.Client(script), Strangers.NodeModules!, .. arguments]);

    private static CancellationToken Patience() => new CancellationTokenSource(Eventually.Patience).Token;
}
