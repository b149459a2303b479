using System.Net;
using System.Net.Sockets;
using System.Text;
using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests;

/// <summary>A TCP connection that sends whatever bytes a test likes, and reads what comes back as packets in words: <c>"disconnect 82"</c>.</summary>
internal sealed class HostileConnection : IAsyncDisposable
{
    public const string Connect311 = "10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70";
    public const string Connect5 = "10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70";

    private readonly TcpClient _tcp = new() { NoDelay = true };
    private readonly MemoryStream _received = new();
    private int _read;

    private HostileConnection(bool is5) => Is5 = is5;

    public bool Is5 { get; }

    public static async Task<HostileConnection> Open(int port, bool is5 = true)
    {
        var connection = new HostileConnection(is5);
        await connection._tcp.ConnectAsync(IPAddress.Loopback, port);
        return connection;
    }

    /// <summary>Past CONNACK, as a client with this id and keep alive 60 s.</summary>
    public static async Task<HostileConnection> OpenSession(int port, bool is5, string clientId = "p", string properties = "", byte flags = 2)
    {
        var connection = await Open(port, is5);
        await connection.Send(Connect(is5, clientId, properties, flags));
        var answer = await connection.Next();
        Assert.Equal("connack 00", answer.Words);
        return connection;
    }

    public static byte[] Connect(bool is5, string clientId, string properties = "", byte flags = 2, ushort keepAlive = 60)
    {
        byte[] id = Encoding.UTF8.GetBytes(clientId), more = Hex(properties);
        return Packet(0x10, [0, 4, .. "MQTT"u8, (byte)(is5 ? 5 : 4), flags, (byte)(keepAlive >> 8), (byte)keepAlive,
            .. is5 ? [.. Varint(more.Length), .. more] : Array.Empty<byte>(), (byte)(id.Length >> 8), (byte)id.Length, .. id]);
    }

    public static byte[] Packet(byte header, params ReadOnlySpan<byte> body) => [header, .. Varint(body.Length), .. body];

    public static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    /// <summary>A server that has closed already is no failure of a sender that means ill.</summary>
    public async Task Send(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await _tcp.GetStream().WriteAsync(bytes);
        }
        catch (IOException)
        {
            // What the server said before it closed is still to be read.
        }
    }

    public Task Send(string hex) => Send(Hex(hex));

    public Task Ping() => Send("C0 00");

    /// <summary>The next packet, or <c>close</c>.</summary>
    /// <exception cref="TimeoutException">Neither came.</exception>
    public async Task<Answer> Next(TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? Eventually.Patience);
        byte[] buffer = new byte[4096];
        while (true)
        {
            if (CutPacket() is { } packet) return new Answer(packet, Is5);
            int count;
            try
            {
                count = await _tcp.GetStream().ReadAsync(buffer, limit.Token);
            }
            catch (IOException)
            {
                count = 0;    // a reset: bytes of ours were still unread when the server closed
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException("The server neither answered nor closed.");
            }
            if (count == 0) return Answer.Closed;
            _received.Position = _received.Length;
            _received.Write(buffer, 0, count);
        }
    }

    /// <summary>All there is to read until the server closes, in words; or until it answers a ping, which makes it <c>open</c>.</summary>
    public async Task<string> Transcript()
    {
        List<string> words = [];
        while (true)
        {
            var answer = await Next();
            if (answer.Words == "pingresp") return string.Join(", ", [.. words, "open"]);
            words.Add(answer.Words);
            if (answer == Answer.Closed) return string.Join(", ", words);
        }
    }

    public ValueTask DisposeAsync()
    {
        _tcp.Dispose();
        return ValueTask.CompletedTask;
    }

    private byte[]? CutPacket()
    {
        var waiting = _received.GetBuffer().AsSpan(_read, (int)_received.Length - _read);
        int length = 0, at = 1;
        for (int shift = 0; ; shift += 7, at++)
        {
            if (at >= waiting.Length) return null;
            length |= (waiting[at] & 0x7F) << shift;
            if (waiting[at] < 0x80) break;
        }
        if (waiting.Length < at + 1 + length) return null;
        _read += at + 1 + length;
        return waiting[..(at + 1 + length)].ToArray();
    }

    private static byte[] Varint(int value)
    {
        List<byte> bytes = [];
        do
        {
            bytes.Add((byte)((value & 0x7F) | (value > 0x7F ? 0x80 : 0)));
            value >>= 7;
        }
        while (value > 0);
        return [.. bytes];
    }

    /// <summary>What the server said, or did.</summary>
    internal sealed record Answer(byte[] Bytes, bool Is5)
    {
        public static readonly Answer Closed = new([], true);

        /// <summary>Name and first reason code; a code that 5.0 leaves out is success.</summary>
        public string Words => Bytes.Length == 0 ? "close" : (Bytes[0] >> 4) switch
        {
            2 => $"connack {Bytes[3]:X2}",
            3 => "publish",
            4 => Ack("puback"),
            5 => Ack("pubrec"),
            6 => Ack("pubrel"),
            7 => Ack("pubcomp"),
            9 => $"suback {Bytes[HeaderBytes + 2 + PropertyBytes]:X2}",
            11 => "unsuback",
            13 => "pingresp",
            14 => $"disconnect {(Bytes.Length > 2 ? Bytes[2] : 0):X2}",
            _ => $"packet {Bytes[0]:X2}",
        };

        public ushort PacketId => (ushort)((Bytes[HeaderBytes] << 8) | Bytes[HeaderBytes + 1]);

        private int HeaderBytes => 1 + Array.FindIndex(Bytes, 1, b => b < 0x80);

        private int PropertyBytes => Is5 ? 1 + Bytes[HeaderBytes + 2] : 0;

        private string Ack(string name) => !Is5 ? name : $"{name} {(Bytes.Length > HeaderBytes + 2 ? Bytes[HeaderBytes + 2] : 0):X2}";
    }
}
