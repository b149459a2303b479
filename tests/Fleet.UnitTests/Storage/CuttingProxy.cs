using System.Net;
using System.Net.Sockets;

namespace Fleet.UnitTests.Storage;

/// <summary>Between a client and a server: when it is told to, it takes the server's next answer to itself and cuts the connection.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly EndPoint _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _cut;

    public CuttingProxy(string host, int port)
    {
        _server = new DnsEndPoint(host, port);
        _listener.Start();
        _accepting = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Cuts the connection on which the next answer comes; the server has done by then what it was asked.</summary>
    public void CutNextAnswer() => Volatile.Write(ref _cut, 1);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task Accept()
    {
        List<Task> connections = [];
        try
        {
            while (true) connections.Add(Serve(await _listener.AcceptSocketAsync(_stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task Serve(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            await server.ConnectAsync(_server, _stop.Token);
            await Task.WhenAny(Copy(client, server, mayCut: false), Copy(server, client, mayCut: true));
        }
    }

    private async Task Copy(Socket from, Socket to, bool mayCut)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var bytes)
            {
                if (mayCut && Interlocked.Exchange(ref _cut, 0) == 1) return;
                await to.SendAsync(buffer.AsMemory(0, bytes), _stop.Token);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Either side has ended.
        }
    }
}
