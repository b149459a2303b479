using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Fleet.Mqtt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Fleet.UnitTests.Mqtt;

public class MqttClientTransportTests
{
    [Fact]
    public async Task Over_TLS_with_a_client_certificate_and_its_chain()
    {
        using var pki = new Pki();
        using var listener = new ScriptedServer();
        var tls = new TlsOptions { ClientCertificate = pki.Client, ClientCertificateChain = [pki.Intermediate], TrustAnchors = [pki.Root] };
        var options = listener.Options with { Transport = MqttTransport.Tls, Tls = tls, Host = "localhost" };
        for (int i = 0; i < 2; i++)   // the second resumes the first's session
        {
            var connecting = MqttClient.ConnectAsync(options);
            var (stream, chain) = await pki.AuthenticateServer((await listener.Accept()).Stream);
            using var server = new ServerSide(stream);
            await server.AcceptSession();
            var client = await connecting;
            Assert.Contains(pki.Client.Thumbprint, chain);
            if (i == 0) Assert.Contains(pki.Intermediate.Thumbprint, chain);   // a resumed session sends no chain again
            Assert.Equal("mqtt", stream.NegotiatedApplicationProtocol.ToString());
            await Exchange(client, server);
        }
    }

    [Fact]
    public async Task Only_the_trust_anchor_given_is_trusted()
    {
        using var pki = new Pki();
        using var other = new Pki();
        using var listener = new ScriptedServer();
        var connecting = MqttClient.ConnectAsync(listener.Options with
        {
            Transport = MqttTransport.Tls,
            Tls = new TlsOptions { TrustAnchors = [other.Root], ServerName = "localhost" },
        });
        var accepting = pki.AuthenticateServer((await listener.Accept()).Stream);
        var lost = await Assert.ThrowsAsync<MqttConnectionLostException>(() => connecting);
        Assert.IsType<AuthenticationException>(lost.InnerException);
        await Assert.ThrowsAnyAsync<Exception>(() => accepting);
    }

    [Fact]
    public async Task Over_WebSocket_with_the_subprotocol_mqtt()
    {
        var accepted = new TaskCompletionSource<ServerSide>();
        var finished = new TaskCompletionSource();
        await using var web = WebServer(async context =>
        {
            Assert.Equal(["mqtt"], context.WebSockets.WebSocketRequestedProtocols);
            using var socket = await context.WebSockets.AcceptWebSocketAsync("mqtt");
            accepted.SetResult(new ServerSide(System.Net.WebSockets.WebSocketStream.Create(socket, System.Net.WebSockets.WebSocketMessageType.Binary, ownsWebSocket: true)));
            await finished.Task;
        });
        await web.StartAsync();
        var connecting = MqttClient.ConnectAsync(new MqttClientOptions { Host = "127.0.0.1", Port = new Uri(web.Urls.Single()).Port, Transport = MqttTransport.WebSocket });
        var server = await accepted.Task;
        await server.AcceptSession();
        await Exchange(await connecting, server);
        finished.SetResult();
    }

    [Fact]
    public async Task A_web_server_without_the_subprotocol_is_refused()
    {
        await using var web = WebServer(async context => { using var socket = await context.WebSockets.AcceptWebSocketAsync(); });
        await web.StartAsync();
        await Assert.ThrowsAsync<MqttConnectionLostException>(() => MqttClient.ConnectAsync(
            new MqttClientOptions { Host = "127.0.0.1", Port = new Uri(web.Urls.Single()).Port, Transport = MqttTransport.WebSocket }));
    }

    [Fact]
    public async Task Over_any_stream()
    {
        Pipe up = new(), down = new();
        var connecting = MqttClient.ConnectAsync(new MqttClientOptions
        {
            OpenStream = _ => new(new TwoPipes(down.Reader.AsStream(), up.Writer.AsStream())),
            ProtocolVersion = MqttVersion.V311,
        });
        var server = new ServerSide(new TwoPipes(up.Reader.AsStream(), down.Writer.AsStream()));
        await server.AcceptSession(MqttVersion.V311);
        var client = await connecting;
        await client.PublishAsync("t", "up"u8.ToArray());
        Assert.Equal(("t", "up", (ushort)0), await server.ReadPublish(MqttVersion.V311));
        client.Abort();
        Assert.Null(await server.Read());
    }

    /// <summary>A message each way, more than a buffer long, then a graceful end.</summary>
    private static async Task Exchange(MqttClient client, ServerSide server)
    {
        string payload = new('x', 100_000);
        var publishing = client.PublishAsync("t", Encoding.UTF8.GetBytes(payload), Qos.AtLeastOnce);
        var (_, arrived, id) = await server.ReadPublish();
        Assert.Equal(payload, arrived);
        await server.SendPubAck(id);
        Assert.Equal(ReasonCode.Success, await publishing);
        var disconnecting = client.DisconnectAsync();
        Assert.Equal(PacketType.Disconnect, await server.ReadType());
        Assert.Null(await server.Read());
        server.Dispose();
        await disconnecting;
    }

    private static WebApplication WebServer(RequestDelegate accept)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var web = builder.Build();
        web.UseWebSockets();
        web.Map("/mqtt", accept);
        return web;
    }

    /// <summary>Root, one intermediate, and a leaf for each side.</summary>
    private sealed class Pki : IDisposable
    {
        public Pki()
        {
            Root = Issue("CN=root", issuer: null, isAuthority: true);
            Intermediate = Issue("CN=intermediate", Root, isAuthority: true);
            Client = Issue("CN=thing-1", Intermediate, isAuthority: false);
            Server = Issue("CN=localhost", Root, isAuthority: false);
        }

        public X509Certificate2 Root { get; }
        public X509Certificate2 Intermediate { get; }
        public X509Certificate2 Client { get; }
        public X509Certificate2 Server { get; }

        /// <returns>The stream, and the thumbprints of what the client sent.</returns>
        public async Task<(SslStream Stream, List<string> Chain)> AuthenticateServer(Stream inner)
        {
            var sent = new List<string>();
            var stream = new SslStream(inner);
            await stream.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = SslStreamCertificateContext.Create(Server, null, offline: true),
                ClientCertificateRequired = true,
                ApplicationProtocols = [new("mqtt")],
                RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
                {
                    if (certificate is not null) sent.Add(((X509Certificate2)certificate).Thumbprint);
                    sent.AddRange(chain!.ChainPolicy.ExtraStore.Select(extra => extra.Thumbprint));
                    return sent.Contains(Client.Thumbprint);
                },
            });
            return (stream, sent);
        }

        public void Dispose()
        {
            foreach (var certificate in (X509Certificate2[])[Root, Intermediate, Client, Server]) certificate.Dispose();
        }

        private static X509Certificate2 Issue(string name, X509Certificate2? issuer, bool isAuthority)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("localhost");
            if (!isAuthority) request.CertificateExtensions.Add(names.Build());
            var from = TimeProvider.System.GetUtcNow().AddDays(-1);
            if (issuer is null) return request.CreateSelfSigned(from, from.AddDays(10));
            using var issued = request.Create(issuer, from.AddMinutes(1), from.AddDays(9), RandomNumberGenerator.GetBytes(8));
            return issued.CopyWithPrivateKey(key);
        }
    }

    private sealed class TwoPipes(Stream reader, Stream writer) : Stream
    {
        public override bool CanRead => true;
        public override bool CanWrite => true;
        public override bool CanSeek => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => reader.ReadAsync(buffer, cancellationToken);
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => writer.WriteAsync(buffer, cancellationToken);
        public override Task FlushAsync(CancellationToken cancellationToken) => writer.FlushAsync(cancellationToken);
        public override void Flush() => writer.Flush();
        public override int Read(byte[] buffer, int offset, int count) => reader.Read(buffer, offset, count);
        public override void Write(byte[] buffer, int offset, int count) => writer.Write(buffer, offset, count);
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            reader.Dispose();
            writer.Dispose();
            base.Dispose(disposing);
        }
    }
}
