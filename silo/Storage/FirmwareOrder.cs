using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Storage;

/// <summary>
/// A firmware version as a text whose place in byte order is the version's place in precedence (Semantic Versioning 2.0.0, section 11), so
/// that the database's indexes can compare versions. <c>2.10.0-rc.1</c> is <c>12 210 10 - 1rc! 011!</c> without the spaces: a number is its
/// count of digits and its digits; a release goes on with <c>~</c>, which comes after the <c>-</c> of its prereleases; a numeric identifier
/// begins with 0, another with 1, and both end with <c>!</c>, which comes before all that an identifier may hold.
/// </summary>
internal static class FirmwareOrder
{
    public static string Of(FirmwareVersion version)
    {
        string text = version.Value;
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        var order = new StringBuilder(text.Length + 8);
        foreach (var part in (dash < 0 ? text : text[..dash]).Split('.')) Number(order, part);
        if (dash < 0) return order.Append('~').ToString();
        order.Append('-');
        foreach (var identifier in text[(dash + 1)..].Split('.'))
        {
            if (identifier.All(char.IsAsciiDigit)) Number(order.Append('0'), identifier);
            else order.Append('1').Append(identifier);
            order.Append('!');
        }
        return order.ToString();
    }

    // FirmwareVersion has at most nine digits to a number.
    private static void Number(StringBuilder order, string digits) => order.Append(digits.Length).Append(digits);
}
