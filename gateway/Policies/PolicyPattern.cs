using System.Text;

namespace Fleet.Gateway.Policies;

/// <summary>
/// A resource pattern: <c>*</c> is any run of characters, '/' included, <c>?</c> exactly one character, <c>${name}</c> the value of a
/// variable; both ends are anchored and '+' and '#' are plain characters (spec/aws-iot-topics.md, 6.3).
/// </summary>
internal sealed class PolicyPattern
{
    /// <summary>Above the bytes, which stand for themselves; from the last on, variables by number.</summary>
    private const ushort AnyRun = 0x100, AnyOne = 0x101, Variable = 0x102;

    /// <summary>
    /// What stands in front of the first wildcard; most patterns are this and one '*'. A variable where the text is null.
    /// </summary>
    private readonly (byte[]? Text, int Variable)[] _head;
    private readonly ushort[] _rest;

    private PolicyPattern((byte[]?, int)[] head, ushort[] rest) => (_head, _rest) = (head, rest);

    /// <param name="variables">Gives those of the pattern their numbers.</param>
    public static PolicyPattern Compile(string pattern, PolicyVariables variables)
    {
        var symbols = new List<ushort>(pattern.Length);
        for (int i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '$' && i + 1 < pattern.Length && pattern[i + 1] == '{' && pattern.IndexOf('}', i) is var end and > 0)
            {
                string name = pattern[(i + 2)..end];
                if (name is "*" or "?" or "$") symbols.Add(name[0]);
                else symbols.Add((ushort)(Variable + variables.NumberOf(name)));
                i = end;
            }
            else if (pattern[i] == '*')
            {
                if (symbols is not [.., AnyRun]) symbols.Add(AnyRun);
            }
            else if (pattern[i] == '?')
            {
                symbols.Add(AnyOne);
            }
            else
            {
                int length = char.IsSurrogatePair(pattern, i) ? 2 : 1;
                foreach (byte b in Encoding.UTF8.GetBytes(pattern, i, length)) symbols.Add(b);
                i += length - 1;
            }
        }
        int head = symbols.FindIndex(symbol => symbol is AnyRun or AnyOne);
        if (head < 0) head = symbols.Count;
        return new PolicyPattern(Head(symbols[..head]), [.. symbols[head..]]);
    }

    /// <param name="values">Of the variables, by number.</param>
    public bool Matches(ReadOnlySpan<byte> value, byte[][] values)
    {
        foreach (var (text, variable) in _head)
        {
            byte[] part = text ?? values[variable];
            if (!value.StartsWith(part)) return false;
            value = value[part.Length..];
        }
        if (_rest is [AnyRun]) return true;
        int at = 0, symbol = 0, retrySymbol = -1, retryAt = 0;
        while (at < value.Length)
        {
            if (symbol < _rest.Length && _rest[symbol] == AnyRun)
            {
                // Try the shortest run first; on a mismatch the last '*' takes one more byte.
                retrySymbol = ++symbol;
                retryAt = at;
            }
            else if (symbol < _rest.Length && LengthOf(_rest[symbol], value[at..], values) is > 0 and var length)
            {
                symbol++;
                at += length;
            }
            else if (retrySymbol >= 0)
            {
                symbol = retrySymbol;
                at = ++retryAt;
            }
            else
            {
                return false;
            }
        }
        while (symbol < _rest.Length && _rest[symbol] == AnyRun) symbol++;
        return symbol == _rest.Length;
    }

    /// <returns>How many bytes of what is left the symbol stands for; 0 if it does not match.</returns>
    private static int LengthOf(ushort symbol, ReadOnlySpan<byte> left, byte[][] values)
    {
        if (symbol == AnyOne) return CharacterLength(left);
        if (symbol < AnyRun) return symbol == left[0] ? 1 : 0;
        byte[] value = values[symbol - Variable];
        return left.StartsWith(value) ? value.Length : 0;
    }

    private static (byte[]? Text, int Variable)[] Head(List<ushort> symbols)
    {
        List<(byte[]?, int)> parts = [];
        for (int at = 0, end; at < symbols.Count; at = end)
        {
            end = symbols.FindIndex(at, symbol => symbol >= Variable);
            if (end < 0) end = symbols.Count;
            if (end == at) parts.Add((null, symbols[end++] - Variable));
            else parts.Add(([.. symbols[at..end].Select(symbol => (byte)symbol)], 0));
        }
        return [.. parts];
    }

    private static int CharacterLength(ReadOnlySpan<byte> text)
    {
        int length = 1;
        while (length < text.Length && (text[length] & 0xC0) == 0x80) length++;
        return length;
    }
}
