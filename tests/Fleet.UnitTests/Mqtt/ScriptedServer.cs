using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>A server that does only what the test says, on a loopback port of its own.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public ScriptedServer() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public MqttClientOptions Options => new() { Host = "127.0.0.1", Port = Port, ClientId = "c" };

    public async Task<ServerSide> Accept() => new(new NetworkStream(await _listener.AcceptSocketAsync(), ownsSocket: true));

    /// <summary>A client whose CONNECT was accepted, and the server's end of its connection.</summary>
    public async Task<(MqttClient Client, ServerSide Server)> Connect(MqttClientOptions? options = null, PropertyBuilder? connack = null)
    {
        options ??= Options;
        var connecting = MqttClient.ConnectAsync(options);
        var server = await Accept();
        await server.AcceptSession(options.ProtocolVersion, connack);
        return (await connecting, server);
    }

    public void Dispose() => _listener.Dispose();
}

/// <summary>The server's end of one connection.</summary>
internal sealed class ServerSide(Stream stream) : IDisposable
{
    private readonly PipeReader _reader = PipeReader.Create(stream);

    public Stream Stream => stream;

    /// <summary>The next packet, whole; null at the end of the connection.</summary>
    public async Task<byte[]?> Read()
    {
        while (true)
        {
            var read = await _reader.ReadAsync();
            var buffer = read.Buffer;
            byte[]? packet = Cut(ref buffer);
            _reader.AdvanceTo(buffer.Start, packet is null ? buffer.End : buffer.Start);
            if (packet is not null || read.IsCompleted) return packet;
        }
    }

    public async Task<PacketType> ReadType() => (PacketType)(((await Read())?[0] ?? 0) >> 4);

    public async Task<(string Topic, string Payload, ushort PacketId)> ReadPublish(MqttVersion version = MqttVersion.V5)
    {
        byte[] bytes = (await Read())!;
        var publish = PublishPacket.Parse(Wire.Cut(bytes), version, Sender.Client);
        return (Encoding.UTF8.GetString(publish.Topic), Encoding.UTF8.GetString(publish.Payload.ToArray()), publish.PacketId);
    }

    public async Task Send(Action<IBufferWriter<byte>> write) => await stream.WriteAsync(Wire.Write(write));

    public async Task SendHex(string hex) => await stream.WriteAsync(Wire.Hex(hex));

    public Task SendPublish(string topic, string payload, ushort packetId = 0, MqttVersion version = MqttVersion.V5) => Send(output => new PublishPacket
    {
        Topic = Encoding.UTF8.GetBytes(topic),
        Payload = new(Encoding.UTF8.GetBytes(payload)),
        Qos = packetId == 0 ? Qos.AtMostOnce : Qos.AtLeastOnce,
        PacketId = packetId,
    }.WriteTo(output, version));

    public Task SendPubAck(ushort packetId, ReasonCode reason = ReasonCode.Success) =>
        Send(output => new AckPacket { Type = PacketType.PubAck, PacketId = packetId, ReasonCode = reason }.WriteTo(output, MqttVersion.V5));

    public async Task AcceptSession(MqttVersion version = MqttVersion.V5, PropertyBuilder? connack = null)
    {
        Assert.Equal(PacketType.Connect, await ReadType());
        await Send(output => new ConnAckPacket { Properties = connack is null ? default : connack.Properties }.WriteTo(output, version));
    }

    public void Dispose() => stream.Dispose();

    private static byte[]? Cut(ref ReadOnlySequence<byte> buffer)
    {
        var before = buffer;
        return Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out _) ? before.Slice(0, buffer.Start).ToArray() : null;
    }
}
