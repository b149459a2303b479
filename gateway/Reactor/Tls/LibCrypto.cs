using System.Runtime.InteropServices;
using System.Text;

namespace Fleet.Gateway.Reactor.Tls;

/// <summary>
/// The few calls of OpenSSL's libcrypto that TLS needs. Errors are kept in a queue per thread: whoever sees a call fail takes them all out
/// (<see cref="DrainErrors"/>, or <see cref="ClearErrors"/> where the failure says enough), so that the queue is empty before every call.
/// </summary>
internal static unsafe partial class LibCrypto
{
    public const string Library = "libcrypto.so.3";

    [LibraryImport(Library, EntryPoint = "OpenSSL_version_num")]
    public static partial nuint VersionNumber();

    [LibraryImport(Library, EntryPoint = "ERR_clear_error")]
    public static partial void ClearErrors();

    [LibraryImport(Library, EntryPoint = "d2i_X509")]
    public static partial nint ReadCertificate(nint reuse, byte** at, nint length);

    [LibraryImport(Library, EntryPoint = "X509_free")]
    public static partial void FreeCertificate(nint certificate);

    /// <summary>Takes a reference of its own to the key.</summary>
    [LibraryImport(Library, EntryPoint = "X509_set_pubkey")]
    public static partial int SetPublicKey(nint certificate, nint key);

    /// <summary>Takes a copy of the name, as does the next.</summary>
    [LibraryImport(Library, EntryPoint = "X509_set_subject_name")]
    public static partial int SetSubject(nint certificate, nint name);

    [LibraryImport(Library, EntryPoint = "X509_set_issuer_name")]
    public static partial int SetIssuer(nint certificate, nint name);

    /// <summary>To be freed by the caller; 0 if there is none at that place.</summary>
    [LibraryImport(Library, EntryPoint = "X509_delete_ext")]
    public static partial nint TakeExtension(nint certificate, int at);

    [LibraryImport(Library, EntryPoint = "X509_EXTENSION_free")]
    public static partial void FreeExtension(nint extension);

    /// <summary>0 if it cannot be read.</summary>
    [LibraryImport(Library, EntryPoint = "d2i_X509_NAME")]
    public static partial nint ReadName(nint reuse, byte** at, nint length);

    [LibraryImport(Library, EntryPoint = "d2i_PublicKey")]
    public static partial nint ReadPublicKey(int type, nint reuse, byte** at, nint length);

    [LibraryImport(Library, EntryPoint = "X509_digest")]
    public static partial int DigestOf(nint certificate, nint algorithm, byte* digest, uint* length);

    [LibraryImport(Library, EntryPoint = "EVP_sha256")]
    public static partial nint Sha256();

    /// <summary>The certificate's own; not to be freed.</summary>
    [LibraryImport(Library, EntryPoint = "X509_get0_notAfter")]
    public static partial nint NotAfter(nint certificate);

    /// <returns>1 if the time is to come; -1 if it is past or now; 0 if it cannot be read.</returns>
    [LibraryImport(Library, EntryPoint = "X509_cmp_current_time")]
    public static partial int CompareWithNow(nint time);

    /// <summary>PKCS#8, or the key's own format.</summary>
    [LibraryImport(Library, EntryPoint = "d2i_AutoPrivateKey")]
    public static partial nint ReadPrivateKey(nint reuse, byte** at, nint length);

    [LibraryImport(Library, EntryPoint = "EVP_PKEY_free")]
    public static partial void FreeKey(nint key);

    [LibraryImport(Library, EntryPoint = "X509_STORE_new")]
    public static partial nint NewStore();

    /// <summary>Takes a reference of its own.</summary>
    [LibraryImport(Library, EntryPoint = "X509_STORE_add_cert")]
    public static partial int AddToStore(nint store, nint certificate);

    [LibraryImport(Library, EntryPoint = "X509_STORE_free")]
    public static partial void FreeStore(nint store);

    /// <summary>A constant string.</summary>
    [LibraryImport(Library, EntryPoint = "X509_verify_cert_error_string")]
    public static partial byte* VerifyErrorText(nint error);

    [LibraryImport(Library, EntryPoint = "ERR_get_error")]
    private static partial nuint NextError();

    [LibraryImport(Library, EntryPoint = "ERR_error_string_n")]
    private static partial void ErrorText(nuint error, byte* text, nuint length);

    /// <summary>What the calling thread's queue holds, in words; it is empty afterwards.</summary>
    public static string DrainErrors()
    {
        const int MaxTextBytes = 256;
        byte* text = stackalloc byte[MaxTextBytes];
        var all = new StringBuilder();
        while (NextError() is var error and not 0)
        {
            ErrorText(error, text, MaxTextBytes);
            all.Append(all.Length > 0 ? "; " : "").Append(Marshal.PtrToStringUTF8((nint)text));
        }
        return all.Length > 0 ? all.ToString() : "no error was given";
    }
}
