using System.Text;
using Fleet.Mqtt;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Mqtt;

/// <summary>How the client connects, and what it says when it cannot.</summary>
public sealed class ClientConnectTests : IDisposable
{
    private readonly ScriptedServer _server = new();

    public void Dispose() => _server.Dispose();

    [Theory, InlineData(MqttVersion.V311), InlineData(MqttVersion.V5)]
    public async Task CONNECT_says_what_the_options_say(MqttVersion version)
    {
        var connecting = MqttClient.ConnectAsync(_server.Options with
        {
            ProtocolVersion = version,
            ClientId = "thing-1",
            CleanStart = false,
            SessionExpirySeconds = 3600,
            ReceiveMaximum = 20,
            KeepAlive = TimeSpan.FromSeconds(30),
            UserName = "user",
            Password = "secret"u8.ToArray(),
            Will = new MqttWill(new MqttMessage { Topic = "gone", Payload = "bye"u8.ToArray(), Qos = Qos.AtLeastOnce, Retain = true }, DelaySeconds: 5),
        });
        using var server = await _server.Accept();
        Check((await server.Read())!);
        await server.Send(output => new ConnAckPacket { SessionPresent = true, Properties = new PropertyBuilder()
            .Add(PropertyId.AssignedClientIdentifier, "given").Add(PropertyId.ServerKeepAlive, 10).Add(PropertyId.MaximumQos, 1).Properties }.WriteTo(output, version));
        var client = await connecting;
        Assert.True(client.Connection.SessionPresent && client.IsConnected);
        var expected = version == MqttVersion.V5 ? ("given", TimeSpan.FromSeconds(10), Qos.AtLeastOnce) : ("thing-1", (TimeSpan?)null, Qos.ExactlyOnce);
        Assert.Equal(expected, (client.ClientId, client.Connection.ServerKeepAlive, client.Connection.MaximumQos));
        client.Abort();

        void Check(byte[] bytes)
        {
            var connect = ConnectPacket.Parse(Wire.Cut(bytes));
            Assert.Equal((version, false, 30), (connect.Version, connect.CleanStart, connect.KeepAlive));
            Assert.Equal("thing-1 gone bye user secret", string.Join(' ', Text(connect.ClientId), Text(connect.WillTopic), Text(connect.WillPayload),
                Text(connect.UserName), Text(connect.Password)));
            Assert.Equal((Qos.AtLeastOnce, true), (connect.WillQos, connect.WillRetain));
            if (version == MqttVersion.V311) return;
            Assert.Equal((3600u, 20, 5u), (connect.Properties.SessionExpiryInterval!.Value, connect.Properties.ReceiveMaximum, connect.WillProperties.WillDelayInterval));
        }
    }

    [Theory]
    [InlineData(MqttVersion.V5, "20 03 00 87 00", ReasonCode.NotAuthorized)]
    [InlineData(MqttVersion.V5, "20 08 00 97 05 1F 0002 6E6F", ReasonCode.QuotaExceeded)]
    [InlineData(MqttVersion.V311, "20 02 00 05", ReasonCode.NotAuthorized)]
    [InlineData(MqttVersion.V311, "20 02 00 02", ReasonCode.ClientIdentifierNotValid)]
    public async Task A_refusal_is_an_exception_with_its_code(MqttVersion version, string connack, ReasonCode reason)
    {
        var connecting = MqttClient.ConnectAsync(_server.Options with { ProtocolVersion = version });
        using var server = await _server.Accept();
        await server.Read();
        await server.SendHex(connack);
        var refused = await Assert.ThrowsAsync<MqttConnectRefusedException>(() => connecting);
        Assert.Equal(reason, refused.ReasonCode);
        Assert.Null(await server.Read());
    }

    [Theory, InlineData("30 04 0001 61 00"), InlineData("20 80808080"), InlineData("")]
    public async Task An_answer_that_is_no_CONNACK_is_a_lost_connection(string answer)
    {
        var connecting = MqttClient.ConnectAsync(_server.Options);
        using (var server = await _server.Accept())
        {
            await server.Read();
            await server.SendHex(answer);
        }
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => connecting);
    }

    [Fact]
    public async Task Nobody_listening_is_a_lost_connection()
    {
        int port = _server.Port;
        _server.Dispose();
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => MqttClient.ConnectAsync(new() { Host = "127.0.0.1", Port = port }));
    }

    [Fact]
    public async Task A_server_that_never_answers_is_given_up()
    {
        var time = new FakeTimeProvider();
        var connecting = MqttClient.ConnectAsync(_server.Options with { TimeProvider = time, ConnectTimeout = TimeSpan.FromSeconds(7) });
        using var server = await _server.Accept();
        await server.Read();
        time.Advance(TimeSpan.FromSeconds(7));
        var lost = await Assert.ThrowsAsync<MqttConnectionLostException>(() => connecting);
        Assert.IsType<TimeoutException>(lost.InnerException);
    }

    [Fact]
    public async Task Connecting_can_be_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        var connecting = MqttClient.ConnectAsync(_server.Options, cancellation.Token);
        using var server = await _server.Accept();
        await server.Read();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
