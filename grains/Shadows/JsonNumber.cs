using System.Numerics;

namespace Fleet.Grains.Shadows;

/// <summary>
/// The value of a JSON number (RFC 8259, 6), exactly and whatever its size: <c>±digits × 10^exponent</c> without zeros at either end of
/// the digits. A double would call 9007199254740993 and …992 equal.
/// </summary>
internal readonly record struct JsonNumber(bool Negative, string Digits, BigInteger Exponent)
{
    /// <param name="json">A number as JSON has it.</param>
    public static JsonNumber Of(string json)
    {
        bool negative = json[0] == '-';
        int e = json.AsSpan().IndexOfAny('e', 'E');
        var mantissa = json.AsSpan(negative ? 1 : 0, (e < 0 ? json.Length : e) - (negative ? 1 : 0));
        var exponent = e < 0 ? BigInteger.Zero : BigInteger.Parse(json.AsSpan(e + 1));

        int point = mantissa.IndexOf('.');
        int fraction = point < 0 ? 0 : mantissa.Length - point - 1;
        var digits = (point < 0 ? mantissa.ToString() : string.Concat(mantissa[..point], mantissa[(point + 1)..])).TrimStart('0');
        var significant = digits.TrimEnd('0');
        return significant.Length == 0
            ? new JsonNumber(false, "", BigInteger.Zero)
            : new JsonNumber(negative, significant, exponent - fraction + (digits.Length - significant.Length));
    }
}
