using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace Fleet.Mqtt;

/// <summary>An open byte stream to a server, and the two ways to end it.</summary>
internal sealed class ClientTransport : IDisposable
{
    private static readonly TimeSpan WebSocketCloseTimeout = TimeSpan.FromSeconds(2);

    private readonly Socket? _socket;
    private readonly WebSocket? _webSocket;

    private ClientTransport(Stream stream, Socket? socket = null, WebSocket? webSocket = null)
    {
        Stream = stream;
        _socket = socket;
        _webSocket = webSocket;
    }

    public Stream Stream { get; }

    public static async Task<ClientTransport> Open(MqttClientOptions options, CancellationToken cancellation)
    {
        if (options.OpenStream is { } open) return new(await open(cancellation).ConfigureAwait(false));
        return options.Transport switch
        {
            MqttTransport.WebSocket => await OpenWebSocket(options, cancellation).ConfigureAwait(false),
            MqttTransport.Tls => await OpenTls(options, cancellation).ConfigureAwait(false),
            _ => await OpenTcp(options, 1883, cancellation).ConfigureAwait(false),
        };
    }

    /// <summary>Ends the sending half, so that the server has everything before it sees the end.</summary>
    public async Task ShutDownSending(CancellationToken cancellation)
    {
        if (_webSocket is not null)
        {
            await _webSocket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellation).ConfigureAwait(false);
            return;
        }
        if (Stream is SslStream tls) await tls.ShutdownAsync().ConfigureAwait(false);
        _socket?.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Closes at once; idempotent.</summary>
    public void Dispose()
    {
        _webSocket?.Abort();
        Stream.Dispose();
    }

    private static async Task<ClientTransport> OpenTcp(MqttClientOptions options, int usualPort, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(options.Host, options.Port == 0 ? usualPort : options.Port, cancellation).ConfigureAwait(false);
            return new(new NetworkStream(socket, ownsSocket: true), socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<ClientTransport> OpenTls(MqttClientOptions options, CancellationToken cancellation)
    {
        var tls = options.Tls ?? throw new ArgumentException($"{nameof(MqttTransport.Tls)} needs {nameof(MqttClientOptions.Tls)}.");
        var tcp = await OpenTcp(options, 8883, cancellation).ConfigureAwait(false);
        var stream = new SslStream(tcp.Stream);
        try
        {
            await stream.AuthenticateAsClientAsync(tls.For(options.Host), cancellation).ConfigureAwait(false);
            return new(stream, tcp._socket);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<ClientTransport> OpenWebSocket(MqttClientOptions options, CancellationToken cancellation)
    {
        bool secure = options.Tls is not null;
        var uri = new UriBuilder(
            secure ? "wss" : "ws", options.Host, options.Port == 0 ? (secure ? 443 : 80) : options.Port, options.WebSocketPath).Uri;
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol("mqtt");
            socket.Options.KeepAliveInterval = TimeSpan.Zero;   // MQTT has its own
            using var handler = new SocketsHttpHandler { UseProxy = false, UseCookies = false };
            if (options.Tls is { } tls) handler.SslOptions = tls.For(options.Host, webSocket: true);
            using var http = new HttpMessageInvoker(handler);
            await socket.ConnectAsync(uri, http, cancellation).ConfigureAwait(false);
            if (socket.SubProtocol != "mqtt")
                throw new WebSocketException(WebSocketError.UnsupportedProtocol, "The server does not speak the subprotocol mqtt.");
            return new(WebSocketStream.Create(socket, WebSocketMessageType.Binary, WebSocketCloseTimeout), webSocket: socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
