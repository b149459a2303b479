using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Fleet.Gateway.Reactor.Tls;

/// <summary>An object of OpenSSL's that is freed once, whatever happens.</summary>
internal abstract class OpenSslHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <param name="handle">0 says that the call that should have made it has failed.</param>
    /// <exception cref="CryptographicException">With OpenSSL's errors.</exception>
    protected OpenSslHandle(nint handle, string call) : base(ownsHandle: true)
    {
        if (handle == 0) throw new CryptographicException($"{call}: {LibCrypto.DrainErrors()}");
        SetHandle(handle);
    }

    /// <summary>For as long as this object is reachable and not disposed, which its user sees to.</summary>
    public nint Pointer => handle;
}

internal sealed class SslContextHandle() : OpenSslHandle(LibSsl.NewContext(LibSsl.ServerMethod()), "SSL_CTX_new")
{
    protected override bool ReleaseHandle()
    {
        LibSsl.FreeContext(handle);
        return true;
    }
}

internal sealed class SslHandle(SslContextHandle context) : OpenSslHandle(LibSsl.New(context.Pointer), "SSL_new")
{
    protected override bool ReleaseHandle()
    {
        LibSsl.Free(handle);
        return true;
    }
}

internal sealed class CertificateHandle(nint certificate, string call) : OpenSslHandle(certificate, call)
{
    public static unsafe CertificateHandle Read(ReadOnlySpan<byte> der)
    {
        fixed (byte* bytes = der)
        {
            byte* at = bytes;
            return new CertificateHandle(LibCrypto.ReadCertificate(0, &at, der.Length), "d2i_X509");
        }
    }

    protected override bool ReleaseHandle()
    {
        LibCrypto.FreeCertificate(handle);
        return true;
    }
}

internal sealed class KeyHandle(nint key) : OpenSslHandle(key, "d2i_AutoPrivateKey")
{
    public static unsafe KeyHandle Read(ReadOnlySpan<byte> pkcs8)
    {
        fixed (byte* bytes = pkcs8)
        {
            byte* at = bytes;
            return new KeyHandle(LibCrypto.ReadPrivateKey(0, &at, pkcs8.Length));
        }
    }

    protected override bool ReleaseHandle()
    {
        LibCrypto.FreeKey(handle);
        return true;
    }
}

internal sealed class StoreHandle() : OpenSslHandle(LibCrypto.NewStore(), "X509_STORE_new")
{
    protected override bool ReleaseHandle()
    {
        LibCrypto.FreeStore(handle);
        return true;
    }
}
