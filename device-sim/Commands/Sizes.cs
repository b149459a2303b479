using System.Globalization;

namespace Fleet.DeviceSim.Commands;

/// <summary>Sizes as people write them: 4096, 64KiB, 1MiB, 1GiB.</summary>
internal static class Sizes
{
    public const string Grammar = "bytes, or a number with KiB, MiB or GiB, such as 256KiB";

    public static bool TryParse(string text, out long bytes)
    {
        var (digits, unit) = text switch
        {
            _ when text.EndsWith("KiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 1L << 10),
            _ when text.EndsWith("MiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 1L << 20),
            _ when text.EndsWith("GiB", StringComparison.OrdinalIgnoreCase) => (text[..^3], 1L << 30),
            _ => (text, 1L),
        };
        bytes = 0;
        if (!long.TryParse(digits.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            || number > long.MaxValue / unit)
            return false;
        bytes = number * unit;
        return true;
    }
}
