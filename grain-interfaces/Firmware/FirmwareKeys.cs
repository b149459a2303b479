using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Firmware;

/// <summary>The key of an <see cref="IFirmwareGrain"/>: <c>{model}/{version}</c>. Neither part can hold a slash.</summary>
public static class FirmwareKeys
{
    public static string Of(ModelName model, FirmwareVersion version) => $"{model}/{version}";

    public static bool TryParse(string key, out ModelName model, out FirmwareVersion version)
    {
        version = default;
        int slash = key.IndexOf('/');
        return ModelName.TryParse(slash < 0 ? null : key[..slash], out model) && FirmwareVersion.TryParse(key[(slash + 1)..], out version);
    }
}
