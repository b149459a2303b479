using System.Text.Json;
using Fleet.DeviceSim.Agent.Boot;

namespace Fleet.DeviceSim.Agent.Identity;

/// <summary>
/// A device's identity on its disk: <c>key.pem</c> (0600), <c>configuration.json</c> and <c>certificate.pem</c>. The certificate comes
/// last, by a rename: where it is, the other two are whole and belong to it.
/// </summary>
/// <param name="beforeChange">As in <see cref="DeviceDisk"/>.</param>
internal sealed class IdentityStore(string folder, Action<string>? beforeChange = null)
{
    private string CertificatePath => Path.Combine(folder, "certificate.pem");
    private string KeyPath => Path.Combine(folder, "key.pem");
    private string ConfigurationPath => Path.Combine(folder, "configuration.json");

    /// <summary>Null if the device has to provision.</summary>
    /// <exception cref="InvalidDataException">configuration.json is not ours.</exception>
    public DeviceIdentity? Load()
    {
        if (!File.Exists(CertificatePath)) return null;
        try
        {
            var configuration = JsonSerializer.Deserialize(File.ReadAllBytes(ConfigurationPath), IdentityJson.Default.DeviceConfiguration);
            return new DeviceIdentity(File.ReadAllText(CertificatePath), File.ReadAllText(KeyPath), configuration!);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{ConfigurationPath} is not a device's configuration: {e.Message}", e);
        }
    }

    public void Save(DeviceIdentity identity)
    {
        Directory.CreateDirectory(folder);
        beforeChange?.Invoke("forget the old identity");
        File.Delete(CertificatePath);
        DurableFiles.SyncFolder(folder);
        beforeChange?.Invoke("write the key");
        DurableFiles.Write(KeyPath, System.Text.Encoding.ASCII.GetBytes(identity.KeyPem), DurableFiles.OwnerOnly);
        DurableFiles.Write(
            ConfigurationPath, JsonSerializer.SerializeToUtf8Bytes(identity.Configuration, IdentityJson.Default.DeviceConfiguration),
            mode: null);
        beforeChange?.Invoke("write the certificate");
        DurableFiles.Replace(CertificatePath, System.Text.Encoding.ASCII.GetBytes(identity.CertificatePem));
    }
}
