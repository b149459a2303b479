#:property PublishAot=false
// What does a QoS 1 publish cost a broker? Processor time of its whole process per publish, one in flight per connection, plain TCP.
// Works on any broker that takes anonymous 3.1.1 clients:
//   dotnet run --project silo -c Release -- --Fleet:Gateway:PlainPort=1883        (its JSON line names the process id)
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/mqtt-publish.cs -- <port> <process id> [connections=50] [seconds=5] [subscribers=0]
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

int port = int.Parse(args[0]), connections = Argument(2, 50), seconds = Argument(3, 5), subscribers = Argument(4, 0);
var broker = Process.GetProcessById(int.Parse(args[1]));
long published = 0, received = 0;

for (int i = 0; i < subscribers; i++)
{
    var socket = await Connect($"subscriber-{i}");
    await socket.SendAsync(new byte[] { 0x82, 8, 0, 1, 0, 3, (byte)'t', (byte)'/', (byte)'#', 0 });
    await Read(socket, new byte[5]);
    _ = Drain(socket);
}
for (int i = 0; i < connections; i++) _ = Publish(await Connect($"publisher-{i}"), i);

// The first seconds are the compiler's.
await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System);
var (before, cpuBefore, start) = (Interlocked.Read(ref published), Cpu(), Stopwatch.GetTimestamp());
await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);
long count = Interlocked.Read(ref published) - before;
double microseconds = (Cpu() - cpuBefore).TotalMicroseconds / count;
Console.WriteLine(
    $"{count / Stopwatch.GetElapsedTime(start).TotalSeconds:F0} publishes/s, {microseconds:F1} µs of processor time each "
    + $"({connections} connections, {subscribers} subscribers, {received} bytes delivered)");
Environment.Exit(0);

int Argument(int index, int otherwise) => args.Length > index ? int.Parse(args[index]) : otherwise;

TimeSpan Cpu()
{
    broker.Refresh();
    return broker.TotalProcessorTime;
}

async Task<Socket> Connect(string clientId)
{
    var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    await socket.ConnectAsync("127.0.0.1", port);
    byte[] id = Encoding.ASCII.GetBytes(clientId);
    await socket.SendAsync((byte[])[0x10, (byte)(12 + id.Length), 0, 4, .. "MQTT"u8, 4, 2, 0, 60, 0, (byte)id.Length, .. id]);
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

async Task Drain(Socket socket)
{
    byte[] buffer = new byte[65_536];
    while (await socket.ReceiveAsync(buffer) is var read and > 0) Interlocked.Add(ref received, read);
}

static async Task Read(Socket socket, byte[] into)
{
    for (int at = 0; at < into.Length;)
    {
        int read = await socket.ReceiveAsync(into.AsMemory(at));
        at += read > 0 ? read : throw new IOException("The broker closed the connection.");
    }
}
