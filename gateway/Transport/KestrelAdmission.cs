using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Transport;

/// <summary>
/// Kestrel connections before TLS: who is it really (PROXY protocol), and may they come in now (admission)? Who is not let in is cut off
/// without a word, which no protocol has a place for yet.
/// </summary>
/// <param name="next">What comes after.</param>
/// <param name="headerTimeout">How long the PROXY protocol header may take.</param>
internal sealed class KestrelAdmission(
    ConnectAdmission admission, OpeningStage next, TimeSpan headerTimeout, TimeProvider time, ILogger log)
{
    public ConnectionDelegate Direct(ConnectionDelegate connected) => connection =>
        Serve(connection, admission.TryAdmit((connection.RemoteEndPoint as IPEndPoint)?.Address, next), connected);

    /// <summary>From its PROXY protocol header on, the connection's remote address is the client's.</summary>
    public ConnectionDelegate BehindProxy(ConnectionDelegate connected) => async connection =>
    {
        if (admission.TryAwaitHeader((connection.RemoteEndPoint as IPEndPoint)?.Address) is not { } header)
        {
            connection.Abort();
            return;
        }
        try
        {
            header.HeldBy(new Opening(connection));
            var read = await ReadHeader(connection);
            var pass = read is null ? null : admission.TryAdmitBehind(header, read.Source?.Address, next);
            if (read?.Source is { } source) connection.RemoteEndPoint = source;
            await Serve(connection, pass, connected);
        }
        finally
        {
            header.Release();
        }
    };

    private static async Task Serve(ConnectionContext connection, AdmissionPass? pass, ConnectionDelegate connected)
    {
        if (pass is null)
        {
            connection.Abort();
            return;
        }
        connection.Features.Set(pass);
        pass.HeldBy(new Opening(connection));
        try
        {
            await connected(connection);
        }
        finally
        {
            pass.Release();
        }
    }

    /// <returns>Null: there is none.</returns>
    private async Task<ProxyHeader.Complete?> ReadHeader(ConnectionContext connection)
    {
        using var patience = new CancellationTokenSource(headerTimeout, time);
        try
        {
            var header = await ProxyProtocol.Read(connection.Transport.Input, patience.Token);
            if (header is ProxyHeader.Malformed malformed) log.ProxyHeaderRefused($"{connection.RemoteEndPoint}", malformed.Fault);
            return header as ProxyHeader.Complete;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            // It was silent, or has gone.
            return null;
        }
    }

    private sealed class Opening(ConnectionContext connection) : IOpening
    {
        // Not on the thread of the newcomer that takes the slot.
        public void Close() => ThreadPool.UnsafeQueueUserWorkItem(
            static connection => connection.Abort(new ConnectionAbortedException("Silent, and its place is needed.")), connection,
            preferLocal: false);
    }
}
