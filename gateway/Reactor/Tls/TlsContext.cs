using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Fleet.Gateway.Reactor.Tls;

/// <summary>
/// TLS of the MQTT listener as <see cref="Hosting.MqttTls"/> has it for Kestrel, made once for all connections: 1.2 and up, a client
/// certificate that leads to our anchors and is in time, or no connection. Sessions resume by ticket, under keys that live as long as this
/// object; whether the certificate is still active is asked at CONNECT, resumed or not (spec/security.md, 3.5).
/// </summary>
internal sealed unsafe class TlsContext : IDisposable
{
    /// <summary>For TLS 1.2; those of 1.3 are all sound.</summary>
    private const string Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

    /// <summary>A device's certificate, and the issuing ones that it may send along, in bytes.</summary>
    private const int MaxCertificateListBytes = 32 * 1024;

    // In memory that outlives every handshake: OpenSSL keeps a pointer into it.
    private static readonly byte* FixedProtocols = Fixed(Protocols);

    private readonly SslContextHandle _context = new();

    public HandshakeMemory Memory { get; } = new(HandshakeMemory.TrimHeap);

    /// <summary>In ALPN's own form, each after its length.</summary>
    private static ReadOnlySpan<byte> Protocols => "\u0004mqtt\u000ex-amzn-mqtt-ca"u8;

    /// <exception cref="CryptographicException">OpenSSL does not take a certificate or the key.</exception>
    public TlsContext(IGatewayTrust trust)
    {
        nint context = _context.Pointer;
        Check(LibSsl.ControlContext(context, LibSsl.ControlMinimumVersion, LibSsl.Tls12, 0), "SSL_CTX_set_min_proto_version");
        Check(LibSsl.SetCipherList(context, Ciphers), "SSL_CTX_set_cipher_list");
        _ = LibSsl.SetOptions(context, LibSsl.OptionNoCompression | LibSsl.OptionNoRenegotiation | LibSsl.OptionServerPreference);
        _ = LibSsl.ControlContext(
            context, LibSsl.ControlMode, LibSsl.ModePartialWrite | LibSsl.ModeMovingWriteBuffer | LibSsl.ModeReleaseBuffers, 0);
        // A record's header and body with one read.
        _ = LibSsl.ControlContext(context, LibSsl.ControlReadAhead, 1, 0);
        _ = LibSsl.ControlContext(context, LibSsl.ControlMaxCertificateList, MaxCertificateListBytes, 0);
        UseServerCertificate(trust);
        UseAnchors(trust);
        LibSsl.SetVerify(context, LibSsl.VerifyPeer | LibSsl.VerifyFailWithoutCertificate, 0);
        UseTickets();
        LibSsl.SetAlpnCallback(context, &SelectProtocol, 0);
    }

    /// <summary>Begins TLS on a socket that was accepted. The wire owns the socket from here on.</summary>
    public TlsWire Accept(int socket)
    {
        Memory.HandshakeBegins();
        var ssl = new SslHandle(_context);
        if (LibSsl.SetSocket(ssl.Pointer, socket) != 1)
        {
            ssl.Dispose();
            throw new CryptographicException($"SSL_set_fd: {LibCrypto.DrainErrors()}");
        }
        LibSsl.SetAcceptState(ssl.Pointer);
        return new TlsWire(socket, ssl);
    }

    /// <summary>Connections that are open keep what they need.</summary>
    public void Dispose() => _context.Dispose();

    private void UseServerCertificate(IGatewayTrust trust)
    {
        var server = trust.ServerCertificate;
        using var certificate = CertificateHandle.Read(server.TargetCertificate.RawDataMemory.Span);
        Check(LibSsl.UseCertificate(_context.Pointer, certificate.Pointer), "SSL_CTX_use_certificate");
        foreach (var issuer in server.IntermediateCertificates)
        {
            using var intermediate = CertificateHandle.Read(issuer.RawDataMemory.Span);
            nint added = LibSsl.ControlContext(_context.Pointer, LibSsl.ControlChainCertificate, 1, intermediate.Pointer);
            Check(added, "SSL_CTX_add1_chain_cert");
        }
        byte[] pkcs8 = PrivateKeyOf(server.TargetCertificate);
        try
        {
            using var key = KeyHandle.Read(pkcs8);
            Check(LibSsl.UsePrivateKey(_context.Pointer, key.Pointer), "SSL_CTX_use_PrivateKey");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pkcs8);
        }
        Check(LibSsl.CheckPrivateKey(_context.Pointer), "SSL_CTX_check_private_key");
    }

    private static byte[] PrivateKeyOf(X509Certificate2 certificate)
    {
        using AsymmetricAlgorithm? key = (AsymmetricAlgorithm?)certificate.GetECDsaPrivateKey() ?? certificate.GetRSAPrivateKey();
        return key?.ExportPkcs8PrivateKey() ?? throw new CryptographicException("The server's certificate has no EC or RSA key.");
    }

    /// <summary>
    /// A root is trusted; an issuing CA only helps to build the chain: OpenSSL ends a chain at a self-signed certificate of the store.
    /// </summary>
    private void UseAnchors(IGatewayTrust trust)
    {
        using var store = new StoreHandle();
        foreach (var anchor in trust.ClientAnchors)
        {
            using var certificate = CertificateHandle.Read(anchor.RawDataMemory.Span);
            Check(LibCrypto.AddToStore(store.Pointer, certificate.Pointer), "X509_STORE_add_cert");
        }
        LibSsl.SetStore(_context.Pointer, store.Pointer);
    }

    private void UseTickets()
    {
        // The ticket is the session: nothing is kept here for it. One is enough for a client with one connection at a time.
        _ = LibSsl.ControlContext(_context.Pointer, LibSsl.ControlSessionCacheMode, LibSsl.SessionCacheOff, 0);
        Check(LibSsl.SetTickets(_context.Pointer, 1), "SSL_CTX_set_num_tickets");
        var id = "fleet-mqtt"u8;
        fixed (byte* at = id) Check(LibSsl.SetSessionIdContext(_context.Pointer, at, (uint)id.Length), "SSL_CTX_set_session_id_context");
    }

    /// <summary>
    /// Called by OpenSSL within a handshake, for a client that offers protocols: one of ours, or the end. Nothing in it can throw.
    /// </summary>
    [UnmanagedCallersOnly]
    private static int SelectProtocol(nint ssl, byte** selected, byte* selectedLength, byte* offered, uint offeredLength, nint argument) =>
        LibSsl.SelectProtocol(selected, selectedLength, FixedProtocols, (uint)Protocols.Length, offered, offeredLength)
            == LibSsl.ProtocolNegotiated
            ? LibSsl.ExtensionTaken : LibSsl.ExtensionFatal;

    private static byte* Fixed(ReadOnlySpan<byte> bytes)
    {
        byte* memory = (byte*)RuntimeHelpers.AllocateTypeAssociatedMemory(typeof(TlsContext), bytes.Length);
        bytes.CopyTo(new Span<byte>(memory, bytes.Length));
        return memory;
    }

    private static void Check(nint result, string call)
    {
        if (result != 1) throw new CryptographicException($"{call}: {LibCrypto.DrainErrors()}");
    }
}
