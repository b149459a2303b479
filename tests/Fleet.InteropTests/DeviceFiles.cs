using System.Security.Cryptography.X509Certificates;
using Fleet.IntegrationTests.Support;

namespace Fleet.InteropTests;

/// <summary>An enrolled device as files, which is how other people's clients want it.</summary>
internal sealed record DeviceFiles(string Thing, string Ca, string Cert, string Key)
{
    public static async Task<DeviceFiles> Enrol(FleetService fleet, string thing, string model = "amr")
    {
        using var certificate = await WireDevice.Enrol(fleet, await fleet.NewClaimFile(), thing, model);
        var files = new DeviceFiles(thing, fleet.CaCertificateFile, Path.Combine(fleet.Folder, $"{thing}.crt"), Path.Combine(fleet.Folder, $"{thing}.key"));
        await File.WriteAllTextAsync(files.Cert, certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(files.Key, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return files;
    }
}
