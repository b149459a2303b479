using System.Security.Cryptography;

namespace Fleet.Grains.Certificates;

public static class SerialNumber
{
    /// <summary>
    /// 16 random bytes, positive and without leading zeros (spec/security.md, 3.1): as good as unique without anybody counting.
    /// </summary>
    public static byte[] New()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x10);
        return serial;
    }
}
