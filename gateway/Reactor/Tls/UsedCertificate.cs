namespace Fleet.Gateway.Reactor.Tls;

/// <summary>
/// OpenSSL keeps the client's certificate, decoded, for as long as the connection, and has no call to let it go: 5 KiB of which nothing is
/// looked at again after the handshake. Its public key, names and extensions, 3 KiB, are replaced by what all connections share.
/// </summary>
internal static unsafe class UsedCertificate
{
    /// <summary>EVP_PKEY_RSA: of the kinds of keys the one that OpenSSL writes into a certificate in a microsecond.</summary>
    private const int Rsa = 6;

    // Both live as long as the process.
    private static readonly nint SmallKey = ReadSmallKey();
    private static readonly nint NoName = ReadNoName();

    /// <param name="certificate">Of a handshake that is done, and of no other connection.</param>
    public static void Shed(nint certificate)
    {
        if (SmallKey != 0) _ = LibCrypto.SetPublicKey(certificate, SmallKey);
        _ = LibCrypto.SetSubject(certificate, NoName);
        _ = LibCrypto.SetIssuer(certificate, NoName);
        while (LibCrypto.TakeExtension(certificate, 0) is var extension and not 0) LibCrypto.FreeExtension(extension);
        LibCrypto.ClearErrors();
    }

    // A name that was read is encoded, so that copying it writes nothing to it: loops do that at once.
    private static nint ReadNoName()
    {
        // Name: a SEQUENCE of nothing.
        ReadOnlySpan<byte> der = [0x30, 0];
        fixed (byte* bytes = der)
        {
            byte* at = bytes;
            return LibCrypto.ReadName(0, &at, der.Length);
        }
    }

    /// <returns>0 if this OpenSSL does not read one: then a certificate keeps its own.</returns>
    private static nint ReadSmallKey()
    {
        // RSAPublicKey: modulus 3, exponent 3.
        ReadOnlySpan<byte> der = [0x30, 6, 2, 1, 3, 2, 1, 3];
        fixed (byte* bytes = der)
        {
            byte* at = bytes;
            return LibCrypto.ReadPublicKey(Rsa, 0, &at, der.Length);
        }
    }
}
