using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Fleet.Load;

/// <summary>
/// Devices with certificates of Fleet's own CA, made beside the service rather than through it: twenty thousand would take it minutes, and
/// enrolment is not what is measured here. They share one key, which saves time here and changes nothing at the server.
/// </summary>
/// <param name="Key">PKCS#8.</param>
/// <param name="Certificates">DER, one per device.</param>
internal sealed record Devices(byte[] Key, byte[][] Certificates)
{
    public static string ThingOf(int number) => $"bench-{number:D5}";

    /// <summary>Reads what <see cref="Make"/> wrote.</summary>
    public static Devices Read(string folder)
    {
        using var file = File.OpenRead(Path.Combine(folder, "devices.bin"));
        using var reader = new BinaryReader(file);
        byte[] key = reader.ReadBytes(reader.ReadInt32());
        var certificates = new byte[reader.ReadInt32()][];
        for (int i = 0; i < certificates.Length; i++) certificates[i] = reader.ReadBytes(reader.ReadInt32());
        return new Devices(key, certificates);
    }

    /// <summary>Writes the devices, and SQL that makes them known to a service with this data directory (SQLite), which must have been started once.</summary>
    public static void Make(int count, string dataDirectory, string folder)
    {
        string pki = Path.Combine(dataDirectory, "pki");
        using var ca = X509Certificate2.CreateFromPemFile(Path.Combine(pki, "ca.crt"), Path.Combine(pki, "ca.key"));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var file = File.Create(Path.Combine(folder, "devices.bin"));
        using var writer = new BinaryWriter(file);
        using var sql = new StreamWriter(Path.Combine(folder, "devices.sql"));
        byte[] pkcs8 = key.ExportPkcs8PrivateKey();
        writer.Write(pkcs8.Length);
        writer.Write(pkcs8);
        writer.Write(count);
        sql.WriteLine("BEGIN;");
        for (int i = 0; i < count; i++)
        {
            byte[] serial = RandomNumberGenerator.GetBytes(16);
            serial[0] = (byte)((serial[0] & 0x3F) | 0x40);
            using var certificate = Request(key, serial).Create(ca, now.AddHours(-1), now.AddDays(30), serial);
            byte[] der = certificate.RawData;
            writer.Write(der.Length);
            writer.Write(der);
            sql.WriteLine(Row("certificate", Convert.ToHexStringLower(SHA256.HashData(der)), CertificateState(certificate, serial, ThingOf(i), now), now));
            sql.WriteLine(Row("device", ThingOf(i), DeviceState(ThingOf(i), now), now));
        }
        sql.WriteLine("COMMIT;");
    }

    // As the service's own device certificates are (grains/Certificates/CertificateProfile.cs).
    private static CertificateRequest Request(ECDsa key, byte[] serial)
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName("Fleet");
        subject.AddOrganizationalUnitName("Device");
        subject.AddCommonName(Convert.ToHexStringLower(serial));
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity(critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri($"urn:fleet:device:{Convert.ToHexStringLower(serial)}"));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private static JsonObject CertificateState(X509Certificate2 certificate, byte[] serial, string thing, DateTimeOffset now) => new()
    {
        ["certificate"] = new JsonObject
        {
            ["id"] = Convert.ToHexStringLower(SHA256.HashData(certificate.RawData)),
            ["kind"] = "device",
            ["status"] = "active",
            ["serialNumber"] = Convert.ToHexStringLower(serial),
            ["notBefore"] = now.AddHours(-1),
            ["notAfter"] = now.AddDays(30),
            ["thing"] = thing,
            ["template"] = null,
            ["label"] = null,
            ["pem"] = certificate.ExportCertificatePem() + "\n",
            ["createdAt"] = now,
            ["issuedThrough"] = null,
        },
    };

    private static JsonObject DeviceState(string thing, DateTimeOffset now) => new()
    {
        ["thing"] = thing,
        ["model"] = "bench",
        ["attributes"] = new JsonObject(),
        ["registeredBy"] = "operator",
        ["registeredAt"] = now,
        ["connectivity"] = "never",
        ["shadowVersion"] = 0,
        ["sessionEpoch"] = 0,
        ["open"] = new JsonArray(),
        ["ended"] = new JsonArray(),
        ["outbox"] = new JsonObject { ["reports"] = new JsonArray(), ["notification"] = null },
    };

    private static string Row(string type, string key, JsonObject state, DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture,
        $"INSERT OR REPLACE INTO grain_state(type, key, state, etag, updated_at) VALUES('{type}', '{key}', '{state.ToJsonString().Replace("'", "''", StringComparison.Ordinal)}', 1, '{now.UtcDateTime:O}');");
}
