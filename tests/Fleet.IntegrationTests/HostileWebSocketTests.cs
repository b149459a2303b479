using System.Net;
using System.Net.WebSockets;
using System.Text;
using Fleet.IntegrationTests.Support;
using static Fleet.IntegrationTests.HostileConnection;

namespace Fleet.IntegrationTests;

/// <summary>spec/security.md, 6.4 row 63: MQTT in WebSocket frames. MQTT 5.0, section 6.</summary>
[Collection(nameof(HostileFleetOnAuto))]
public sealed class HostileWebSocketTests(HostileFleetOnAuto fleet)
{
    [Fact(DisplayName = "63 a text frame ends the connection [MQTT-6.0.0-1]")]
    public async Task Text_frame()
    {
        using var socket = await Open("mqtt");
        await socket.SendAsync(Login("ws"), WebSocketMessageType.Binary, true, Limit());
        await ConnAck(socket);
        await socket.SendAsync(Hex("C0 00"), WebSocketMessageType.Text, true, Limit());
        await Assert.ThrowsAnyAsync<Exception>(() => Receive(socket, 2));
    }

    [Fact(DisplayName = "63 another subprotocol is refused [MQTT-6.0.0-3]")]
    public async Task Wrong_subprotocol()
    {
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol("soap");
        socket.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(Address, Limit()));
        Assert.Equal(HttpStatusCode.BadRequest, socket.HttpStatusCode);
    }

    [Fact(DisplayName = "63 packets and frames need not meet [MQTT-6.0.0-2]")]
    public async Task Odd_frames()
    {
        using var socket = await Open("mqtt");
        byte[] connect = Login("ws");
        await socket.SendAsync(connect.AsMemory(0, 1), WebSocketMessageType.Binary, true, Limit());
        await socket.SendAsync(connect.AsMemory(1, 9), WebSocketMessageType.Binary, true, Limit());
        await socket.SendAsync(connect.AsMemory(10), WebSocketMessageType.Binary, true, Limit());
        await ConnAck(socket);
        // Two pings in one frame, the second cut in a continuation.
        await socket.SendAsync(Hex("C0 00 C0"), WebSocketMessageType.Binary, false, Limit());
        await socket.SendAsync(Hex("00"), WebSocketMessageType.Binary, true, Limit());
        Assert.Equal(Hex("D0 00 D0 00"), await Receive(socket, 4));
    }

    [Fact(DisplayName = "63 a packet that is longer than what came is waited for, and not for ever")]
    public async Task Short_packet()
    {
        using var socket = await Open("mqtt");
        await socket.SendAsync(Hex("10 80 20 00 04 4D"), WebSocketMessageType.Binary, true, Limit());
        await Assert.ThrowsAnyAsync<Exception>(() => Receive(socket, 1));
        Assert.Empty(await fleet.Heard());
    }

    private Uri Address => new($"ws://127.0.0.1:{fleet.Service.Http.Port}/mqtt");

    private byte[] Login(string clientId)
    {
        byte[] token = Encoding.UTF8.GetBytes(fleet.Service.AdminToken), id = Encoding.UTF8.GetBytes(clientId);
        return Packet(0x10, [0, 4, .. "MQTT"u8, 5, 0xC2, 0, 60, 0, 0, (byte)id.Length, .. id, 0, 1, (byte)'u', 0, (byte)token.Length, .. token]);
    }

    private async Task<ClientWebSocket> Open(string subprotocol)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(subprotocol);
        await socket.ConnectAsync(Address, Limit());
        Assert.Equal(subprotocol, socket.SubProtocol);
        return socket;
    }

    private static async Task ConnAck(ClientWebSocket socket)
    {
        byte[] header = await Receive(socket, 2);
        Assert.Equal(0x20, header[0]);
        Assert.Equal(0, (await Receive(socket, header[1]))[1]);
    }

    /// <exception cref="WebSocketException">The server closed before.</exception>
    private static async Task<byte[]> Receive(ClientWebSocket socket, int count)
    {
        byte[] bytes = new byte[count];
        for (int read = 0; read < count;)
        {
            var result = await socket.ReceiveAsync(bytes.AsMemory(read), Limit());
            if (result.MessageType == WebSocketMessageType.Close) throw new WebSocketException("The server closed.");
            read += result.Count;
        }
        return bytes;
    }

    private static CancellationToken Limit() => new CancellationTokenSource(Eventually.Patience).Token;
}
