using System.IO.Pipelines;
using System.Net.WebSockets;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Fleet.Gateway.Transport;

/// <summary>MQTT over WebSocket: subprotocol "mqtt", binary frames; packets and frames need not meet. MQTT 5.0, section 6.</summary>
internal sealed class WebSocketTransport(ConnectionServices services, ConnectAdmission admission)
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);
    private const int ReadBytes = 4 * 1024;
    private const string Subprotocol = "mqtt";

    public async Task Serve(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest || !context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocol))
        {
            await GatewayProblems.Of(
                StatusCodes.Status400BadRequest, "not-mqtt", "This is MQTT over WebSocket.", "Ask for the subprotocol \"mqtt\".")
                .ExecuteAsync(context);
            return;
        }
        if (admission.TryAdmit(context.Connection.RemoteIpAddress, OpeningStage.Connect) is not { } pass)
        {
            context.Response.Headers.RetryAfter = "5";
            await GatewayProblems.Of(
                StatusCodes.Status503ServiceUnavailable, "too-many-connections", "Too many clients connect at once.", "Try again in 5 s.")
                .ExecuteAsync(context);
            return;
        }
        try
        {
            await Serve(context, pass);
        }
        finally
        {
            pass.Release();
        }
    }

    private async Task Serve(HttpContext context, AdmissionPass pass)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(Subprotocol);
        var pipe = new Pipe(new PipeOptions(useSynchronizationContext: false));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var receiving = Receive(socket, pipe.Writer, stop.Token);
        var source = new ConnectionSource(Listener.WebSocket, null, RemoteAddress.Of(context.Connection.RemoteIpAddress), pass);
        await new PipeConnection(services, source, pipe.Reader, new Output(socket)).Run();
        await pipe.Reader.CompleteAsync();
        await Close(socket);
        try
        {
            // The client's own close frame. To cancel at once would cut off what it has not read yet.
            await receiving.WaitAsync(CloseTimeout, services.Clock.Time);
        }
        catch (TimeoutException)
        {
            await stop.CancelAsync();
            await receiving;
        }
    }

    private static async Task Receive(WebSocket socket, PipeWriter writer, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(writer.GetMemory(ReadBytes), cancellation);
                // Anything but binary frames ends the connection [MQTT-6.0.0-1].
                if (received.MessageType != WebSocketMessageType.Binary) break;
                writer.Advance(received.Count);
                if ((await writer.FlushAsync(cancellation)).IsCompleted) break;
            }
            await writer.CompleteAsync();
            // MQTT is over; what is still to come is the client's close frame.
            byte[] ignored = new byte[256];
            while (socket.State is WebSocketState.Open or WebSocketState.CloseSent) await socket.ReceiveAsync(ignored, cancellation);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // The peer went away without a close frame: to MQTT the same as with one.
            await writer.CompleteAsync();
        }
    }

    private static async Task Close(WebSocket socket)
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived)) return;
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException)
        {
            socket.Abort();
        }
    }

    private sealed class Output(WebSocket socket) : ITransportOutput
    {
        public async ValueTask Write(ReadOnlyMemory<byte> bytes)
        {
            try
            {
                await socket.SendAsync(bytes, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            }
            catch (WebSocketException e)
            {
                throw new IOException("The WebSocket is closed.", e);
            }
        }

        public void Abort() => socket.Abort();
    }
}
