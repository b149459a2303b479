using System.Runtime.InteropServices;

namespace Fleet.Gateway.Reactor.Tls;

/// <summary>
/// The few calls of OpenSSL's libssl that a server makes. What OpenSSL has as macros goes by <see cref="ControlContext"/>.
/// </summary>
internal static unsafe partial class LibSsl
{
    public const string Library = "libssl.so.3";

    /// <summary>SSL_ERROR_*.</summary>
    public const int WantRead = 2, WantWrite = 3, ZeroReturn = 6;

    /// <summary>SSL_CTRL_*.</summary>
    public const int ControlMode = 33, ControlReadAhead = 41, ControlSessionCacheMode = 44, ControlMaxCertificateList = 51,
        ControlChainCertificate = 89,
        ControlMinimumVersion = 123;

    /// <summary>SSL_MODE_ENABLE_PARTIAL_WRITE, _ACCEPT_MOVING_WRITE_BUFFER, _RELEASE_BUFFERS.</summary>
    public const int ModePartialWrite = 1, ModeMovingWriteBuffer = 2, ModeReleaseBuffers = 16;

    /// <summary>SSL_OP_NO_COMPRESSION, _CIPHER_SERVER_PREFERENCE, _NO_RENEGOTIATION.</summary>
    public const ulong OptionNoCompression = 1ul << 17, OptionServerPreference = 1ul << 22, OptionNoRenegotiation = 1ul << 30;

    public const int Tls12 = 0x0303, SessionCacheOff = 0;

    /// <summary>SSL_VERIFY_PEER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT.</summary>
    public const int VerifyPeer = 1, VerifyFailWithoutCertificate = 2;

    /// <summary>SSL_TLSEXT_ERR_*.</summary>
    public const int ExtensionTaken = 0, ExtensionFatal = 2;

    public const int ProtocolNegotiated = 1;

    [LibraryImport(Library, EntryPoint = "TLS_server_method")]
    public static partial nint ServerMethod();

    [LibraryImport(Library, EntryPoint = "SSL_CTX_new")]
    public static partial nint NewContext(nint method);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_ctrl")]
    public static partial nint ControlContext(nint context, int command, nint number, nint pointer);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_options")]
    public static partial ulong SetOptions(nint context, ulong options);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_cipher_list", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetCipherList(nint context, string ciphers);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_num_tickets")]
    public static partial int SetTickets(nint context, nuint count);

    /// <summary>Takes a reference of its own, as do the next two.</summary>
    [LibraryImport(Library, EntryPoint = "SSL_CTX_use_certificate")]
    public static partial int UseCertificate(nint context, nint certificate);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_use_PrivateKey")]
    public static partial int UsePrivateKey(nint context, nint key);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set1_cert_store")]
    public static partial void SetStore(nint context, nint store);

    /// <summary>Whether the private key is the certificate's.</summary>
    [LibraryImport(Library, EntryPoint = "SSL_CTX_check_private_key")]
    public static partial int CheckPrivateKey(nint context);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_verify")]
    public static partial void SetVerify(nint context, int mode, nint callback);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_session_id_context")]
    public static partial int SetSessionIdContext(nint context, byte* id, uint length);

    [LibraryImport(Library, EntryPoint = "SSL_CTX_set_alpn_select_cb")]
    public static partial void SetAlpnCallback(
        nint context, delegate* unmanaged<nint, byte**, byte*, byte*, uint, nint, int> select, nint argument);

    /// <summary>Our first that is also among the client's; points into one of the two.</summary>
    [LibraryImport(Library, EntryPoint = "SSL_select_next_proto")]
    public static partial int SelectProtocol(
        byte** selected, byte* selectedLength, byte* ours, uint oursLength, byte* theirs, uint theirsLength);

    [LibraryImport(Library, EntryPoint = "SSL_new")]
    public static partial nint New(nint context);

    [LibraryImport(Library, EntryPoint = "SSL_free")]
    public static partial void Free(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_set_fd")]
    public static partial int SetSocket(nint ssl, int socket);

    [LibraryImport(Library, EntryPoint = "SSL_set_accept_state")]
    public static partial void SetAcceptState(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_do_handshake")]
    public static partial int Handshake(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_read")]
    public static partial int Read(nint ssl, byte* into, int length);

    [LibraryImport(Library, EntryPoint = "SSL_write")]
    public static partial int Write(nint ssl, byte* bytes, int length);

    [LibraryImport(Library, EntryPoint = "SSL_has_pending")]
    public static partial int HasPending(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_shutdown")]
    public static partial int Shutdown(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_get_error")]
    public static partial int ErrorOf(nint ssl, int result);

    [LibraryImport(Library, EntryPoint = "SSL_get_verify_result")]
    public static partial nint VerifyResult(nint ssl);

    [LibraryImport(Library, EntryPoint = "SSL_session_reused")]
    public static partial int IsResumed(nint ssl);

    /// <summary>To be freed by the caller; 0 if there is none. Of a resumed session it comes from the ticket.</summary>
    [LibraryImport(Library, EntryPoint = "SSL_get1_peer_certificate")]
    public static partial nint PeerCertificate(nint ssl);

    /// <summary>Whether OpenSSL 3 is on this machine; if not, why it cannot be used.</summary>
    public static bool IsAvailable(out string? why)
    {
        why = null;
        foreach (string library in (string[])[LibCrypto.Library, Library])
        {
            if (!NativeLibrary.TryLoad(library, out _)) why = $"{library} cannot be loaded";
        }
        if (why is null && LibCrypto.VersionNumber() >> 28 != 3) why = $"{LibCrypto.Library} is version {LibCrypto.VersionNumber() >> 28}";
        return why is null;
    }
}
