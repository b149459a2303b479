using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Transport;

/// <summary>
/// Kestrel connections before TLS: whose they are (PROXY protocol), and whether they may come in now (admission). One that may not is cut
/// off without a word, which no protocol has a place for yet. Kestrel does not tell whose turn it is in a TLS handshake: until that is
/// over, every connection passes for silent.
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
        public void Close() => connection.AbortSoon("Silent, and its place is needed.");
    }
}
