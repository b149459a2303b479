using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway.Admission;
using Fleet.Interfaces.Naming;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Fleet.Gateway.Transport;

/// <summary>MQTT straight on a Kestrel connection, TLS already undone.</summary>
internal abstract class KestrelTransport(ConnectionServices services, Listener listener) : ConnectionHandler
{
    public override Task OnConnectedAsync(ConnectionContext connection)
    {
        var certificate = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        var source = new ConnectionSource(listener, IdOf(certificate), RemoteAddress.Of((connection.RemoteEndPoint as IPEndPoint)?.Address), AdmissionPass.Of(connection));
        return new PipeConnection(services, source, connection.Transport.Input, new Output(connection)).Run();
    }

    private static CertificateId? IdOf(X509Certificate2? certificate) =>
        certificate is not null && CertificateId.TryParse(Convert.ToHexStringLower(SHA256.HashData(certificate.RawDataMemory.Span)), out var id) ? id : null;

    private sealed class Output(ConnectionContext connection) : ITransportOutput
    {
        private readonly PipeWriter _writer = connection.Transport.Output;

        public async ValueTask Write(ReadOnlyMemory<byte> bytes)
        {
            var flushed = await _writer.WriteAsync(bytes);
            if (flushed.IsCompleted || flushed.IsCanceled) throw new ConnectionAbortedException("The peer takes no more.");
        }

        public void Abort() => connection.Abort();
    }
}

internal sealed class MqttsTransport(ConnectionServices services) : KestrelTransport(services, Listener.Mqtts);

internal sealed class PlainTransport(ConnectionServices services) : KestrelTransport(services, Listener.Plain);

internal static class RemoteAddress
{
    public static string Of(IPAddress? address) => address switch
    {
        null => "unknown",
        { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
        _ => address.ToString(),
    };
}
