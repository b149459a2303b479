using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway.Reactor.Native;
using Fleet.Gateway.Reactor.Tls;

namespace Fleet.UnitTests.Reactor;

/// <summary>Who gets through TLS, and what of them is known behind it.</summary>
public sealed class ReactorTlsTests
{
    private const string ConnectD1 = "100F00044D5154540402003C0003642D31";

    [Fact]
    public async Task A_device_is_who_its_certificate_says()
    {
        await using var rig = new ReactorRig();
        using var certificate = rig.Pki.Device();
        rig.Register(certificate, "d-1");
        foreach (var version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
        {
            await using var peer = await rig.DialTls(certificate, version: version);
            Assert.Equal(
                (version, "mqtt"), (((SslStream)peer.Stream).SslProtocol, $"{((SslStream)peer.Stream).NegotiatedApplicationProtocol}"));
            await peer.Send(ConnectD1);
            Assert.Equal("20020000", await peer.Read(4));
            Assert.Equal(ReactorRig.IdOf(certificate), rig.Parts.Directory.Find("d-1")!.Identity.Certificate!.Value.Value);
        }
    }

    [Fact]
    public async Task Nobody_else_gets_through()
    {
        await using var rig = new ReactorRig();
        X509Certificate2?[] all = [null, TestPki.OfAStranger(), TestPki.SelfSigned(), rig.Pki.Expired(), rig.Pki.OfAnotherPurpose()];
        foreach (var certificate in all) await IsRefused(() => rig.DialTls(certificate));
        using var good = rig.Pki.Device();
        rig.Register(good, "d-1");
        await IsRefused(() => rig.DialTls(good, protocol: "h2"));
#pragma warning disable SYSLIB0039, CA5397 // That it is refused is the point.
        await IsRefused(() => rig.DialTls(good, version: SslProtocols.Tls11));
#pragma warning restore SYSLIB0039, CA5397
        await using var peer = await rig.DialTls(good, protocol: null);
        await peer.Send(ConnectD1);
        Assert.Equal("20020000", await peer.Read(4));
    }

    [Fact]
    public async Task Garbage_and_silence_end_with_the_handshake_time()
    {
        await using var rig = new ReactorRig();
        await using var garbage = await rig.DialTlsWithoutTls();
        await garbage.Send("474554202F20485454502F312E310D0A0D0A");
        await garbage.ReadToEnd();
        await using var silent = await rig.DialTlsWithoutTls();
        await using var halfway = await rig.DialTlsWithoutTls();
        await halfway.Send("160301");
        await rig.Holds(2);
        rig.Pass(TimeSpan.FromSeconds(11));
        await rig.Holds(0);
        Assert.Equal("", await silent.ReadToEnd());
    }

    [Fact]
    public async Task Large_messages_cross_many_records_both_ways()
    {
        await using var rig = new ReactorRig();
        using var certificate = rig.Pki.Device();
        rig.Register(certificate, "d-1");
        await using var peer = await rig.DialTls(certificate);
        await peer.Send(ConnectD1);
        Assert.Equal("20020000", await peer.Read(4));
        byte[] topic = "fleet/d-1/x"u8.ToArray();
        await peer.Stream.WriteAsync((byte[])[0x82, (byte)(5 + topic.Length), 0, 1, 0, (byte)topic.Length, .. topic, 0]);
        Assert.Equal("9003000100", await peer.Read(5));
        byte[] payload = new byte[120_000];
        Random.Shared.NextBytes(payload);
        int length = 2 + topic.Length + payload.Length;
        byte[] packet =
            [0x30, (byte)(length | 0x80), (byte)((length >> 7) | 0x80), (byte)(length >> 14), 0, (byte)topic.Length, .. topic, .. payload];
        for (int i = 0; i < 10; i++)
        {
            await peer.Stream.WriteAsync(packet);
            Assert.Equal(Convert.ToHexString(packet), await peer.Read(packet.Length));
        }
    }

    [Fact]
    public async Task Handshakes_that_fail_leave_nothing_behind()
    {
        await using var rig = new ReactorRig();
        using var stranger = TestPki.OfAStranger();
        for (int i = 0; i < 20; i++) await IsRefused(() => rig.DialTls(stranger));
        for (int i = 0; i < 20; i++) await (await rig.DialTlsWithoutTls()).DisposeAsync();
        await rig.Holds(0);
    }

    [Fact]
    public async Task A_session_resumes_and_its_certificate_is_known_still()
    {
        var pki = new TestPki();
        using var context = new TlsContext(pki);
        using var certificate = pki.Device();
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ClientCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
            RemoteCertificateValidationCallback = (_, server, _, _) =>
                server!.GetRawCertData().AsSpan().SequenceEqual(pki.ServerCertificate.TargetCertificate.RawData),
        };
        var first = await Shake(context, options);
        var second = await Shake(context, options);
        Assert.Equal((false, ReactorRig.IdOf(certificate)), first);
        Assert.Equal((true, ReactorRig.IdOf(certificate)), second);
    }

    private static async Task IsRefused(Func<Task<ReactorRig.Peer>> dial)
    {
        try
        {
            await using var peer = await dial();
            // TLS 1.3: the client is through with its part before the server has seen the certificate.
            await peer.Send(ConnectD1);
            Assert.Equal("", await peer.ReadToEnd());
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            return;
        }
    }

    /// <summary>One handshake with a client of .NET's, and a byte each way, so that the ticket is read.</summary>
    private static async Task<(bool Resumed, string Certificate)> Shake(TlsContext context, SslClientAuthenticationOptions options)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        var accepted = await listener.AcceptSocketAsync();
        accepted.Blocking = false;
        // The wire owns the file from here on.
        int file = (int)accepted.SafeHandle.DangerousGetHandle();
        accepted.SafeHandle.SetHandleAsInvalid();
        using var wire = context.Accept(file);
        await using var stream = new SslStream(client.GetStream());
        var shaking = stream.AuthenticateAsClientAsync(options);
        await Eventually.True(() => wire.Handshake() is var step && step != HandshakeStep.Failed
            ? step == HandshakeStep.Done : throw new AuthenticationException(wire.Fault));
        await shaking;
        Assert.Equal(1, wire.Write("x"u8));
        byte[] one = new byte[1];
        await stream.ReadExactlyAsync(one);
        await stream.WriteAsync(one);
        await Eventually.True(() => wire.Read(one) != WireResult.WouldBlock);
        await stream.ShutdownAsync();
        return (wire.IsResumed, wire.PeerCertificate!.Value.Value);
    }
}
