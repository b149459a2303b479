using System.Text;
using System.Text.Json.Nodes;
using Fleet.IntegrationTests;
using Fleet.IntegrationTests.Support;
using Fleet.Mqtt;

namespace Fleet.InteropTests;

/// <summary>Devices as factories write them: C over Paho or wolfSSL on one side, a function that is called with each message on the other.</summary>
public sealed class FactoryTests : IAsyncLifetime
{
    private FleetService _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await FleetService.Start();

    public async ValueTask DisposeAsync() => await _fleet.DisposeAsync();

    [Fact]
    public async Task A_publisher_in_C_goes_on_after_the_service_was_killed()
    {
        Strangers.Need("/usr/include/MQTTClient.h", "Debian packages gcc and libpaho-mqtt-dev");
        string program = await Compile("publisher.c", "-lpaho-mqtt3cs");
        var device = await DeviceFiles.Enrol(_fleet, "press-1");
        await using var publisher = Publisher(program, device, "fleet/press-1/status", intervalMs: 100, count: 0);
        await Says(publisher, "delivered 2");
        await _fleet.Kill();
        await Says(publisher, "publish: ");
        await _fleet.StartAgain();
        await Eventually.True(() => Task.FromResult(publisher.Output.Split('\n').Count(l => l == "connected") >= 2), () => publisher.Output);
        await using var operators = await Operator();
        await operators.Client.SubscribeAsync("fleet/press-1/#", Qos.AtLeastOnce);
        var first = Sequence(await operators.Next(t => t == "fleet/press-1/status"));
        Assert.Equal(first + 1, Sequence(await operators.Next(t => t == "fleet/press-1/status")));
        await publisher.Terminate(Patience());
        Assert.Equal(0, publisher.ExitCode);

        static int Sequence(IncomingMessage message) => (int)JsonNode.Parse(message.Payload.Span)!["sequence"]!;
    }

    [Fact]
    public async Task A_rule_calls_a_function_with_each_message_of_a_publisher_in_C()
    {
        Strangers.Need("/usr/include/MQTTClient.h", "Debian packages gcc and libpaho-mqtt-dev");
        await using var function = await RuleReceiver.Start();
        await _fleet.Api(HttpMethod.Put, "rules/on_status", new JsonObject
        {
            ["topicFilter"] = "fleet/+/status",
            ["action"] = new JsonObject { ["function"] = new JsonObject { ["endpoint"] = function.Url, ["name"] = "on-status" } },
        });
        string program = await Compile("publisher.c", "-lpaho-mqtt3cs");
        var device = await DeviceFiles.Enrol(_fleet, "press-1");
        await using var publisher = Publisher(program, device, "fleet/press-1/status", intervalMs: 10, count: 3);
        Assert.True(await publisher.Exited(Patience()) == 0, publisher.Output);
        var calls = new[] { await function.Next(), await function.Next(), await function.Next() };
        Assert.All(calls, call => Assert.Equal("/2015-03-31/functions/on-status/invocations", call.Path));
        Assert.Equal([0, 1, 2], calls.Select(c => (int)JsonNode.Parse(c.Body)!["sequence"]!).Order());
    }

    [Fact]
    public async Task A_subscriber_in_Python_calls_a_function_with_each_message()
    {
        Strangers.Need("/usr/lib/python3/dist-packages/paho", "Debian package python3-paho-mqtt");
        await using var function = await RuleReceiver.Start();
        var device = await DeviceFiles.Enrol(_fleet, "bridge-1");
        await using var bridge = ChildProcess.Start(Strangers.Python, Strangers.Client("bridge.py"), "localhost", $"{_fleet.MqttsPort}",
            device.Ca, device.Cert, device.Key, device.Thing, "fleet/bridge-1/#", $"{function.Url}/2015-03-31/functions/bridge/invocations");
        await Says(bridge, "subscribed 1");
        await using var operators = await Operator();
        await operators.Client.PublishAsync("fleet/bridge-1/call", Encoding.UTF8.GetBytes("""{"go":"dock"}"""), Qos.AtLeastOnce);
        var call = await function.Next();
        Assert.Equal(("/2015-03-31/functions/bridge/invocations", """{"go":"dock"}""", "Event"), (call.Path, call.Body, call["X-Amz-Invocation-Type"]));
        await Says(bridge, "fleet/bridge-1/call -> 202");
    }

    [Theory, InlineData("1.2"), InlineData("1.3")]
    public async Task WolfSSL_does_the_TLS(string version)
    {
        Strangers.Need("/usr/include/wolfssl/ssl.h", "Debian packages gcc and libwolfssl-dev");
        string program = await Compile("wolfssl_publisher.c", "-lwolfssl");
        var device = await DeviceFiles.Enrol(_fleet, "valve-1");
        await using var operators = await Operator();
        await operators.Client.SubscribeAsync("fleet/valve-1/#", Qos.AtLeastOnce);
        await using var publisher = ChildProcess.Start(program, "localhost", $"{_fleet.MqttsPort}", device.Ca, device.Cert, device.Key, device.Thing, "fleet/valve-1/state", "open", version);
        Assert.True(await publisher.Exited(Patience()) == 0, publisher.Output);
        Assert.Contains($"TLSv{version} ", publisher.Output, StringComparison.Ordinal);
        Assert.Contains("CONNACK 00\nPUBACK 0007", publisher.Output, StringComparison.Ordinal);
        Assert.Equal("open", Encoding.UTF8.GetString((await operators.Next(t => t == "fleet/valve-1/state")).Payload.Span));
    }

    [Fact]
    public async Task WolfSSL_with_a_certificate_of_somebody_else_s_is_refused()
    {
        Strangers.Need("/usr/include/wolfssl/ssl.h", "Debian packages gcc and libwolfssl-dev");
        string program = await Compile("wolfssl_publisher.c", "-lwolfssl");
        await using var other = await FleetService.Start();
        var stranger = await DeviceFiles.Enrol(other, "valve-1");
        await using var publisher = ChildProcess.Start(
            program, "localhost", $"{_fleet.MqttsPort}", _fleet.CaCertificateFile, stranger.Cert, stranger.Key, stranger.Thing, "fleet/valve-1/state", "open", "1.3");
        Assert.NotEqual(0, await publisher.Exited(Patience()));
        Assert.DoesNotContain("CONNACK", publisher.Output, StringComparison.Ordinal);
    }

    private ChildProcess Publisher(string program, DeviceFiles device, string topic, int intervalMs, int count) =>
        ChildProcess.Start(program, $"ssl://localhost:{_fleet.MqttsPort}", device.Ca, device.Cert, device.Key, device.Thing, topic, $"{intervalMs}", $"{count}");

    /// <summary>Sees all topics: over WebSocket, with the admin token as password.</summary>
    private Task<WireDevice> Operator() => WireDevice.Connect(new MqttClientOptions
    {
        Host = "127.0.0.1", Port = _fleet.Http.Port, Transport = MqttTransport.WebSocket, ClientId = "operator", UserName = "operator",
        Password = Encoding.UTF8.GetBytes(_fleet.AdminToken),
    });

    private async Task<string> Compile(string source, string library)
    {
        string program = Path.Combine(_fleet.Folder, Path.GetFileNameWithoutExtension(source));
        await using var gcc = ChildProcess.Start("gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, Strangers.Client(source), library);
        Assert.True(await gcc.Exited(Patience()) == 0, gcc.Output);
        return program;
    }

    private static Task Says(ChildProcess program, string words) =>
        Eventually.True(() => Task.FromResult(program.Output.Contains(words, StringComparison.Ordinal)), () => program.Output);

    private static CancellationToken Patience() => new CancellationTokenSource(Eventually.Patience).Token;
}
