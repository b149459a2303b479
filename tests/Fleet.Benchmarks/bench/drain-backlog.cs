#:property PublishAot=false
// How fast does a persistent session get what waited for it while its client was away, and what does each message cost the service? The client
// acknowledges all that one read brings in one write:
//   dotnet run --project silo -c Release -- --Fleet:Gateway:PlainPort=1883 --Fleet:Gateway:MaxQueuedMessages=1000000 --Fleet:Gateway:MaxQueuedBytes=1000000000
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/drain-backlog.cs -- <port> <process id> [qos=1] [messages=200000]
// With QoS 2 at most 64,000: each message that waits has a packet identifier of its own.
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

const int Publishers = 20, Window = 50;
int port = int.Parse(args[0]), qos = Argument(2, 1), messages = Argument(3, 200_000);
var broker = Process.GetProcessById(int.Parse(args[1]));
string subscriber = $"drain-{Guid.NewGuid():n}", root = subscriber[..12];

using (var socket = await Connect(subscriber, cleanSession: false))
{
    byte[] filter = Encoding.ASCII.GetBytes($"{root}/#");
    await socket.SendAsync((byte[])[0x82, (byte)(5 + filter.Length), 0, 1, 0, (byte)filter.Length, .. filter, (byte)qos]);
    await ReadExactly(socket, new byte[5]);
    await socket.SendAsync(new byte[] { 0xE0, 0 });
}
var (start, cpu) = (Stopwatch.GetTimestamp(), Cpu());
await Task.WhenAll(Enumerable.Range(0, Publishers).Select(Publish));
Say("kept", Stopwatch.GetElapsedTime(start), Cpu() - cpu);
(start, cpu) = (Stopwatch.GetTimestamp(), Cpu());
using (var socket = await Connect(subscriber, cleanSession: false)) await Receive(socket);
Say("delivered", Stopwatch.GetElapsedTime(start), Cpu() - cpu);

int Argument(int index, int otherwise) => args.Length > index ? int.Parse(args[index]) : otherwise;

void Say(string what, TimeSpan time, TimeSpan spent) =>
    Console.WriteLine($"QoS {qos}, {messages} messages {what} in {time.TotalSeconds:F1} s: {messages / time.TotalSeconds:F0}/s, {spent.TotalMicroseconds / messages:F1} µs of processor time each");

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
    await ReadExactly(socket, new byte[4]);
    return socket;
}

async Task Publish(int number)
{
    using var socket = await Connect($"{root}-{number}", cleanSession: true);
    byte[] topic = Encoding.ASCII.GetBytes($"{root}/{number}");
    int left = messages / Publishers;
    while (left > 0)
    {
        int now = Math.Min(left, Window);
        List<byte> all = [];
        for (int i = 1; i <= now; i++)
            all.AddRange([(byte)(0x30 | (qos << 1)), (byte)(4 + topic.Length + 64), 0, (byte)topic.Length, .. topic, 0, (byte)i, .. new byte[64]]);
        await socket.SendAsync(all.ToArray());
        await ReadExactly(socket, new byte[4 * now]);
        if (qos == 2)
        {
            await socket.SendAsync((byte[])[.. Enumerable.Range(1, now).SelectMany(i => (byte[])[0x62, 2, 0, (byte)i])]);
            await ReadExactly(socket, new byte[4 * now]);
        }
        left -= now;
    }
}

async Task Receive(Socket socket)
{
    byte[] buffer = new byte[256 * 1024], answers = new byte[buffer.Length];
    int have = 0;
    for (int done = 0; done < messages / Publishers * Publishers;)
    {
        int read = await socket.ReceiveAsync(buffer.AsMemory(have));
        if (read == 0) throw new IOException("The broker closed the connection.");
        have += read;
        int at = 0, said = 0;
        // Packets here are shorter than 128 bytes.
        for (; have - at >= 2 && have - at >= 2 + buffer[at + 1]; at += 2 + buffer[at + 1])
        {
            bool isRelease = buffer[at] >> 4 == 6;
            int id = at + 2 + (isRelease ? 0 : 2 + buffer[at + 3]);
            byte[] answer = [(byte)(isRelease ? 0x70 : qos == 1 ? 0x40 : 0x50), 2, buffer[id], buffer[id + 1]];
            answer.CopyTo(answers, said);
            said += 4;
            if (isRelease || qos == 1) done++;
        }
        buffer.AsSpan(at, have - at).CopyTo(buffer);
        have -= at;
        if (said > 0) await socket.SendAsync(answers.AsMemory(0, said));
    }
}

static async Task ReadExactly(Socket socket, byte[] into)
{
    for (int at = 0; at < into.Length;)
    {
        int read = await socket.ReceiveAsync(into.AsMemory(at));
        at += read > 0 ? read : throw new IOException("The broker closed the connection.");
    }
}
