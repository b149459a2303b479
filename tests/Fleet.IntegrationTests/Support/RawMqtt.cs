using System.Buffers;
using System.Net.Sockets;
using Fleet.Mqtt;

namespace Fleet.IntegrationTests.Support;

/// <summary>A packet, as its bytes.</summary>
/// <param name="Header">Type and flags.</param>
internal sealed record RawPacket(byte Header, byte[] Body)
{
    public PacketType Type => (PacketType)(Header >> 4);
    public ushort FirstNumber => (ushort)((Body[0] << 8) | Body[1]);
}

/// <summary>CONNACK said no, with this code. MQTT 3.1.1, 3.2.2.3.</summary>
internal sealed class RefusedException(byte code) : Exception($"The server refused the connection with {code}.");

/// <summary>
/// MQTT 3.1.1 by hand over TCP, with a persistent session whose state the test keeps: what it has sent and not heard of it sends again itself, with the
/// packet identifiers of before, as a client must that survives the server.
/// </summary>
internal sealed class RawMqtt(TcpClient tcp) : IAsyncDisposable
{
    private readonly NetworkStream _stream = tcp.GetStream();
    private readonly BufferedStream _input = new(tcp.GetStream(), 64 * 1024);

    public bool SessionPresent { get; private init; }

    /// <summary>Connects with clean session 0.</summary>
    /// <exception cref="IOException">The server is gone.</exception>
    /// <exception cref="RefusedException">It does not let the client in.</exception>
    public static async Task<RawMqtt> Connect(int port, string clientId)
    {
        var tcp = new TcpClient { NoDelay = true };
        try
        {
            await tcp.ConnectAsync("127.0.0.1", port);
            byte[] id = System.Text.Encoding.UTF8.GetBytes(clientId);
            await tcp.GetStream().WriteAsync((byte[])[0x10, (byte)(12 + id.Length), 0, 4, .. "MQTT"u8, 4, 0, 0, 0, 0, (byte)id.Length, .. id]);
            var answer = await Read(tcp.GetStream()) ?? throw new IOException("The server closed the connection.");
            Assert.Equal(PacketType.ConnAck, answer.Type);
            if (answer.Body[1] != 0)
            {
                tcp.Dispose();
                throw new RefusedException(answer.Body[1]);
            }
            return new RawMqtt(tcp) { SessionPresent = answer.Body[0] == 1 };
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            tcp.Dispose();
            throw new IOException("The server is gone.", e);
        }
    }

    public Task Publish(string topic, string payload, Qos qos, ushort packetId, bool duplicate) => Send(output => new PublishPacket
    {
        Topic = System.Text.Encoding.UTF8.GetBytes(topic),
        Payload = new ReadOnlySequence<byte>(System.Text.Encoding.UTF8.GetBytes(payload)),
        Qos = qos,
        PacketId = packetId,
        Duplicate = duplicate,
    }.WriteTo(output, MqttVersion.V311));

    public Task Subscribe(string filter, Qos qos) => Send(output => SubscribePacket.Write(output, MqttVersion.V311, 1, default, [new Subscription(filter, qos)]));

    public Task Acknowledge(PacketType type, ushort packetId) =>
        _stream.WriteAsync((byte[])[(byte)(((int)type << 4) | (type == PacketType.PubRel ? 2 : 0)), 2, (byte)(packetId >> 8), (byte)packetId]).AsTask();

    /// <returns>Null: the connection is over.</returns>
    public Task<RawPacket?> Next() => Read(_input);

    public ValueTask DisposeAsync()
    {
        tcp.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task Send(Action<IBufferWriter<byte>> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        write(bytes);
        await _stream.WriteAsync(bytes.WrittenMemory);
    }

    private static async Task<RawPacket?> Read(Stream stream)
    {
        try
        {
            byte[] one = new byte[1];
            await stream.ReadExactlyAsync(one);
            byte header = one[0];
            int length = 0, shift = 0;
            do
            {
                await stream.ReadExactlyAsync(one);
                length |= (one[0] & 0x7F) << shift;
                shift += 7;
            }
            while (one[0] >= 0x80);
            byte[] body = new byte[length];
            await stream.ReadExactlyAsync(body);
            return new RawPacket(header, body);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return null;
        }
    }
}
