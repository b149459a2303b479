using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Naming;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Fleet.Gateway.Transport;

/// <summary>MQTT straight on a Kestrel connection, TLS already undone.</summary>
internal abstract class KestrelTransport(ConnectionServices services, Listener listener) : ConnectionHandler
{
    /// <summary>For the peer to take note of the last words.</summary>
    private static readonly TimeSpan LingerFor = TimeSpan.FromSeconds(2);

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var pass = AdmissionPass.Of(connection);
        if (pass is { Stage: not OpeningStage.Connect } && !pass.TryEnter(OpeningStage.Connect))
        {
            connection.Abort();
            return;
        }
        var certificate = connection.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;
        var address = (connection.RemoteEndPoint as IPEndPoint)?.Address;
        var source = new ConnectionSource(listener, IdOf(certificate), RemoteAddress.Of(address), pass);
        var served = new PipeConnection(services, source, connection.Transport.Input, new Output(connection));
        await served.Run();
        if (served.HasSaidLastWords) await Linger(connection.Transport.Input);
    }

    /// <summary>Reads and drops what the peer still sends: a socket that is closed on unread bytes takes back what it had sent.</summary>
    private async Task Linger(PipeReader input)
    {
        using var patience = new CancellationTokenSource(LingerFor, services.Clock.Time);
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(patience.Token);
                input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted) return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            // It has gone, or has had its time.
        }
    }

    private static CertificateId? IdOf(X509Certificate2? certificate) =>
        certificate is not null
        && CertificateId.TryParse(Convert.ToHexStringLower(SHA256.HashData(certificate.RawDataMemory.Span)), out var id)
            ? id : null;

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
