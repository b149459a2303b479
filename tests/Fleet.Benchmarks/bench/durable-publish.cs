#:property PublishAot=false
// What does a QoS 1 publish cost when a persistent session is owed it? Publishes a second and processor time of the whole process per publish, one in
// flight per connection, plain TCP; the subscriber's session is present (and acknowledges), absent (the queue must be long enough), or there is none:
//   dotnet run --project silo -c Release -- --Fleet:Gateway:PlainPort=1883 --Fleet:Gateway:MaxQueuedMessages=1000000 --Fleet:Gateway:MaxQueuedBytes=1000000000
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/durable-publish.cs -- <port> <process id> [present|absent|none] [connections=50] [seconds=5]
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

int port = int.Parse(args[0]), connections = Argument(3, 50), seconds = Argument(4, 5);
string subscriber = args.Length > 2 ? args[2] : "present";
var broker = Process.GetProcessById(int.Parse(args[1]));
long published = 0, received = 0;

if (subscriber != "none")
{
    var socket = await Connect($"durable-{Guid.NewGuid():n}", cleanSession: false);
    await socket.SendAsync(new byte[] { 0x82, 8, 0, 1, 0, 3, (byte)'t', (byte)'/', (byte)'#', 1 });
    await Read(socket, new byte[5]);
    if (subscriber == "present") _ = Receive(socket);
    else await socket.SendAsync(new byte[] { 0xE0, 0 });
}
for (int i = 0; i < connections; i++) _ = Publish(await Connect($"publisher-{i}", cleanSession: true), i);

// The first seconds are the compiler's.
await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System);
var (before, cpuBefore, start) = (Interlocked.Read(ref published), Cpu(), Stopwatch.GetTimestamp());
await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);
long count = Interlocked.Read(ref published) - before;
double microseconds = (Cpu() - cpuBefore).TotalMicroseconds / count;
Console.WriteLine(
    $"{subscriber}: {count / Stopwatch.GetElapsedTime(start).TotalSeconds:F0} publishes/s, {microseconds:F1} µs of processor time each ({connections} connections, {received} delivered)");
Environment.Exit(0);

int Argument(int index, int otherwise) => args.Length > index ? int.Parse(args[index]) : otherwise;

TimeSpan Cpu()
{
    broker.Refresh();
    return broker.TotalProcessorTime;
}

async Task<Socket> Connect(string clientId, bool cleanSession)
{
    var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    await socket.ConnectAsync("127.0.0.1", port);
    byte[] id = Encoding.ASCII.GetBytes(clientId);
    await socket.SendAsync((byte[])[0x10, (byte)(12 + id.Length), 0, 4, .. "MQTT"u8, 4, (byte)(cleanSession ? 2 : 0), 0, 60, 0, (byte)id.Length, .. id]);
    await Read(socket, new byte[4]);
    return socket;
}

async Task Publish(Socket socket, int number)
{
    byte[] topic = Encoding.ASCII.GetBytes($"t/{number}"), payload = new byte[64], ack = new byte[4];
    byte[] publish = [0x32, (byte)(4 + topic.Length + payload.Length), 0, (byte)topic.Length, .. topic, 0, 1, .. payload];
    while (true)
    {
        await socket.SendAsync(publish);
        await Read(socket, ack);
        Interlocked.Increment(ref published);
    }
}

// Acknowledges all that one read brings in one write, as a client does that keeps up.
async Task Receive(Socket socket)
{
    byte[] buffer = new byte[65_536];
    int have = 0;
    while (await socket.ReceiveAsync(buffer.AsMemory(have)) is var read and > 0)
    {
        have += read;
        int at = 0;
        List<byte> acks = [];
        // Packets here are shorter than 128 bytes.
        while (have - at >= 2 && have - at >= 2 + buffer[at + 1])
        {
            int topicLength = buffer[at + 3];
            acks.AddRange([0x40, 2, buffer[at + 4 + topicLength], buffer[at + 5 + topicLength]]);
            at += 2 + buffer[at + 1];
            Interlocked.Increment(ref received);
        }
        buffer.AsSpan(at, have - at).CopyTo(buffer);
        have -= at;
        if (acks.Count > 0) await socket.SendAsync(acks.ToArray());
    }
}

static async Task Read(Socket socket, byte[] into)
{
    for (int at = 0; at < into.Length;)
    {
        int read = await socket.ReceiveAsync(into.AsMemory(at));
        at += read > 0 ? read : throw new IOException("The broker closed the connection.");
    }
}
