using System.Runtime.InteropServices;
using Fleet.Gateway.Reactor.Native;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Reactor.Tls;

internal enum HandshakeStep
{
    Done,
    WantsInput,
    WantsOutput,
    Failed,
}

/// <summary>
/// A socket under TLS. OpenSSL reads and writes the socket itself, one system call per record, and lets its buffers go when they are empty.
/// After each failure the thread's error queue is emptied, so that what a call reports is its own.
/// </summary>
internal sealed unsafe class TlsWire(int socket, SslHandle handle) : Wire(socket)
{
    private readonly nint _ssl = handle.Pointer;
    private bool _readWantsOutput, _broken, _shaken;

    public override bool HasPending => !_broken && LibSsl.HasPending(_ssl) != 0;

    public override bool ReadWantsOutput => _readWantsOutput;

    /// <summary>Of the client, verified; known once the handshake is done.</summary>
    public CertificateId? PeerCertificate { get; private set; }

    public bool IsResumed => LibSsl.IsResumed(_ssl) != 0;

    /// <summary>Why the handshake failed.</summary>
    public string? Fault { get; private set; }

    public HandshakeStep Handshake()
    {
        LibCrypto.ClearErrors();
        int result = LibSsl.Handshake(_ssl);
        if (result == 1) return Finish();
        switch (LibSsl.ErrorOf(_ssl, result))
        {
            case LibSsl.WantRead:
                return HandshakeStep.WantsInput;
            case LibSsl.WantWrite:
                return HandshakeStep.WantsOutput;
            default:
                nint verified = LibSsl.VerifyResult(_ssl);
                string errors = LibCrypto.DrainErrors();
                return Fail(verified == 0 ? errors : $"{Marshal.PtrToStringUTF8((nint)LibCrypto.VerifyErrorText(verified))} ({errors})");
        }
    }

    public override int Read(Span<byte> into)
    {
        if (_broken) return WireResult.Lost;
        fixed (byte* at = into)
        {
            int read = LibSsl.Read(_ssl, at, into.Length);
            if (read > 0) return read;
            int error = LibSsl.ErrorOf(_ssl, read);
            LibCrypto.ClearErrors();
            _readWantsOutput = error == LibSsl.WantWrite;
            switch (error)
            {
                case LibSsl.WantRead or LibSsl.WantWrite:
                    return WireResult.WouldBlock;
                case LibSsl.ZeroReturn:
                    return WireResult.Ended;
                default:
                    _broken = true;
                    return WireResult.Lost;
            }
        }
    }

    public override int Write(ReadOnlySpan<byte> bytes)
    {
        if (_broken) return WireResult.Lost;
        fixed (byte* at = bytes)
        {
            int written = LibSsl.Write(_ssl, at, bytes.Length);
            if (written > 0) return written;
            int error = LibSsl.ErrorOf(_ssl, written);
            LibCrypto.ClearErrors();
            if (error is LibSsl.WantRead or LibSsl.WantWrite) return WireResult.WouldBlock;
            _broken = true;
            return WireResult.Lost;
        }
    }

    public override void EndOutput()
    {
        // Says close_notify. Whether the peer answers in kind does not matter to MQTT, and after a failure there is nothing to say.
        if (!_broken && _shaken && LibSsl.Shutdown(_ssl) < 0) LibCrypto.ClearErrors();
        base.EndOutput();
    }

    public override void Dispose()
    {
        _broken = true;
        handle.Dispose();
        base.Dispose();
    }

    private HandshakeStep Finish()
    {
        _shaken = true;
        nint peer = LibSsl.PeerCertificate(_ssl);
        if (peer == 0) return Fail("The session has no client certificate.");
        using var certificate = new CertificateHandle(peer, "SSL_get1_peer_certificate");
        // The chain of a resumed session was verified when it began; only time can have changed since.
        if (IsResumed && LibCrypto.CompareWithNow(LibCrypto.NotAfter(peer)) <= 0)
            return Fail("The client's certificate has expired since its session began.");
        byte* digest = stackalloc byte[32];
        uint length = 32;
        if (LibCrypto.DigestOf(peer, LibCrypto.Sha256(), digest, &length) != 1) return Fail($"X509_digest: {LibCrypto.DrainErrors()}");
        if (!CertificateId.TryParse(Convert.ToHexStringLower(new ReadOnlySpan<byte>(digest, 32)), out var id))
            return Fail("The certificate has no id.");
        PeerCertificate = id;
        UsedCertificate.Shed(peer);
        return HandshakeStep.Done;
    }

    private HandshakeStep Fail(string fault)
    {
        _broken = true;
        Fault = fault;
        return HandshakeStep.Failed;
    }
}
