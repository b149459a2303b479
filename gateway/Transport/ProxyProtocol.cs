using System.Buffers;
using System.IO.Pipelines;
using Fleet.Gateway.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Transport;

/// <summary>
/// Takes the PROXY protocol header off a Kestrel connection, before TLS; from there on the connection's remote address is the client's.
/// </summary>
internal static class ProxyProtocol
{
    /// <param name="timeout">How long the header may take.</param>
    public static ConnectionDelegate Middleware(
        ConnectionDelegate next, TimeSpan timeout, TimeProvider time, ILogger log) => async connection =>
    {
        using var patience = new CancellationTokenSource(timeout, time);
        ProxyHeader header;
        try
        {
            header = await Read(connection.Transport.Input, patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            header = new ProxyHeader.Malformed("The connection ended, or was silent, before its PROXY protocol header was there.");
        }
        if (header is not ProxyHeader.Complete complete)
        {
            log.ProxyHeaderRefused($"{connection.RemoteEndPoint}", ((ProxyHeader.Malformed)header).Fault);
            connection.Abort();
            return;
        }
        if (complete.Source is not null) connection.RemoteEndPoint = complete.Source;
        await next(connection);
    };

    private static async Task<ProxyHeader> Read(PipeReader input, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancellation);
            var start = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, ProxyHeader.MaxBytes));
            var header = ProxyHeader.Read(start.IsSingleSegment ? start.FirstSpan : start.ToArray());
            if (header is ProxyHeader.Complete complete)
            {
                input.AdvanceTo(read.Buffer.GetPosition(complete.Length));
                return header;
            }
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (header is ProxyHeader.Malformed) return header;
            if (read.IsCompleted) return new ProxyHeader.Malformed("The connection ended within its PROXY protocol header.");
        }
    }
}
