#:property PublishAot=false
// What do retained messages cost? Of a gateway whose process id is told, over plain TCP:
//   dotnet run --project silo -c Release -- --Fleet:Gateway:PlainPort=1883 --Fleet:Gateway:MaxRetainedMessagesPerPrincipal=2000000 --Fleet:Gateway:MaxRetainedBytesPerPrincipal=1000000000 --Fleet:Gateway:MaxRetainedMessages=2000000
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/retained.cs -- <port> <process id> fill <topics> [bytes=16]      retains on so many topics r/{n}
//   … -- <port> <process id> subscribe <times>             SUBSCRIBEs to r/# that are never acknowledged: what memory they take, after 2 s
//   … -- <port> <process id> read                           all of r/# at QoS 0: how long, and processor time each
//   … -- <port> <process id> publish [seconds=5]           retained messages of 64 bytes on 50 topics, one in flight each
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

int port = int.Parse(args[0]);
var broker = Process.GetProcessById(int.Parse(args[1]));
switch (args[2])
{
    case "fill": await Fill(int.Parse(args[3]), Argument(4, 16)); break;
    case "subscribe": await Subscribe(int.Parse(args[3])); break;
    case "read": await ReadAll(); break;
    default: await PublishFor(Argument(3, 5)); break;
}
Environment.Exit(0);

int Argument(int index, int otherwise) => args.Length > index ? int.Parse(args[index]) : otherwise;

async Task Fill(int topics, int bytes)
{
    const int Connections = 20, InFlight = 50;
    long start = Stopwatch.GetTimestamp();
    var (memory, _) = Look();
    await Task.WhenAll(Enumerable.Range(0, Connections).Select(async connection =>
    {
        var client = await Client.Connect(port, $"fill-{connection}");
        int inFlight = 0;
        for (int i = connection; i < topics; i += Connections)
        {
            await client.Send(Client.Publish($"r/{i}", bytes));
            if (++inFlight < InFlight) continue;
            await client.Next();
            inFlight--;
        }
        for (; inFlight > 0; inFlight--) await client.Next();
    }));
    Console.WriteLine($"{topics} topics of {bytes} bytes: {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s, memory {memory} -> {Look().MiB} MiB");
}

async Task Subscribe(int times)
{
    var client = await Client.Connect(port, "holder");
    var (memory, cpu) = Look();
    for (int i = 0; i < times; i++) await client.Send([0x82, 8, 0, 1, 0, 3, .. "r/#"u8, 1]);
    _ = client.Drain();
    await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System);
    var after = Look();
    Console.WriteLine($"{times} SUBSCRIBEs: memory {memory} -> {after.MiB} MiB, {(after.Cpu - cpu).TotalMilliseconds:F0} ms of processor time");
}

async Task ReadAll()
{
    var client = await Client.Connect(port, "reader");
    var (_, cpu) = Look();
    long start = Stopwatch.GetTimestamp();
    await client.Send([0x82, 8, 0, 1, 0, 3, .. "r/#"u8, 0]);
    // Before it there is no end; the last is followed by nothing but this.
    await client.Send([0x32, 7, 0, 3, .. "r/0"u8, 0, 1]);
    long messages = 0;
    bool wasLive = false;
    while (!wasLive)
    {
        byte header = await client.Next();
        if (header >> 4 == 3) messages++;
        wasLive = header >> 4 == 3 && (header & 1) == 0;
    }
    var time = Stopwatch.GetElapsedTime(start);
    Console.WriteLine($"{messages - 1} read in {time.TotalSeconds:F2} s, {(Look().Cpu - cpu).TotalMicroseconds / messages:F2} µs of processor time each");
}

async Task PublishFor(int seconds)
{
    long published = 0;
    for (int i = 0; i < 50; i++) _ = Publish(i);
    // The first seconds are the compiler's.
    await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System);
    var (before, cpu, start) = (Interlocked.Read(ref published), Look().Cpu, Stopwatch.GetTimestamp());
    await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);
    long count = Interlocked.Read(ref published) - before;
    Console.WriteLine(
        $"{count / Stopwatch.GetElapsedTime(start).TotalSeconds:F0} retained publishes/s, {(Look().Cpu - cpu).TotalMicroseconds / count:F1} µs of processor time each");

    async Task Publish(int number)
    {
        var client = await Client.Connect(port, $"publisher-{number}");
        while (true)
        {
            await client.Send(Client.Publish($"p/{number}", 64));
            await client.Next();
            Interlocked.Increment(ref published);
        }
    }
}

(long MiB, TimeSpan Cpu) Look()
{
    broker.Refresh();
    return (broker.WorkingSet64 / 1024 / 1024, broker.TotalProcessorTime);
}

internal sealed class Client(NetworkStream stream)
{
    private readonly byte[] _buffer = new byte[65_536];
    private int _at, _end;

    public static async Task<Client> Connect(int port, string clientId)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", port);
        var client = new Client(new NetworkStream(socket));
        byte[] id = Encoding.ASCII.GetBytes(clientId);
        await client.Send([0x10, (byte)(12 + id.Length), 0, 4, .. "MQTT"u8, 4, 2, 0, 60, 0, (byte)id.Length, .. id]);
        await client.Next();
        return client;
    }

    /// <summary>Retained, QoS 1.</summary>
    public static byte[] Publish(string topic, int payload)
    {
        byte[] name = Encoding.ASCII.GetBytes(topic), length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)name.Length);
        List<byte> size = [];
        for (int left = 4 + name.Length + payload; ; left >>= 7)
        {
            size.Add((byte)(left > 127 ? (left & 127) | 128 : left));
            if (left <= 127) break;
        }
        return [0x33, .. size, .. length, .. name, 0, 1, .. new byte[payload]];
    }

    public Task Send(byte[] bytes) => stream.WriteAsync(bytes).AsTask();

    /// <summary>The first byte of the next packet.</summary>
    public async Task<byte> Next()
    {
        int header = await Byte(), length = 0;
        for (int shift = 0; ; shift += 7)
        {
            int part = await Byte();
            length |= (part & 127) << shift;
            if (part < 128) break;
        }
        for (int skipped = 0; skipped < length; await Fill())
        {
            int here = Math.Min(length - skipped, _end - _at);
            (_at, skipped) = (_at + here, skipped + here);
            if (skipped == length) break;
        }
        return (byte)header;
    }

    public async Task Drain()
    {
        while (true) await Next();
    }

    private async ValueTask<int> Byte()
    {
        if (_at == _end) await Fill();
        return _buffer[_at++];
    }

    private async ValueTask Fill()
    {
        _at = 0;
        _end = await stream.ReadAsync(_buffer);
        if (_end == 0) throw new IOException("The broker closed the connection.");
    }
}
