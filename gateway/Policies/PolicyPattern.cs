using System.Text;

namespace Fleet.Gateway.Policies;

/// <summary>
/// A resource pattern with its variables filled in: <c>*</c> is any run of characters, '/' included, <c>?</c> exactly one character; both
/// ends are anchored and '+' and '#' are plain characters (spec/aws-iot-topics.md, 6.3).
/// </summary>
internal sealed class PolicyPattern
{
    private const ushort AnyRun = 0x100, AnyOne = 0x101;
    private const int MaxVariableCharacters = 1_024;

    /// <summary>The literal bytes in front of the first wildcard; most patterns are these and one '*'.</summary>
    private readonly byte[] _prefix;
    private readonly ushort[] _rest;

    private PolicyPattern(byte[] prefix, ushort[] rest) => (_prefix, _rest) = (prefix, rest);

    /// <param name="variables">
    /// Values of <c>${name}</c>. One that is absent, empty, over 1,024 characters or holds any of <c>* $ + ? #</c> is not filled in: the text
    /// stays as it is and matches nothing useful, so that no client can widen its own policy (6.4).
    /// </param>
    public static PolicyPattern Compile(string pattern, IReadOnlyDictionary<string, string> variables)
    {
        var symbols = new List<ushort>(pattern.Length);
        for (int i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '$' && i + 1 < pattern.Length && pattern[i + 1] == '{' && pattern.IndexOf('}', i) is var end and > 0)
            {
                AddLiteral(symbols, Substitute(pattern[(i + 2)..end], variables) ?? pattern[i..(end + 1)]);
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
                AddLiteral(symbols, pattern.Substring(i, length));
                i += length - 1;
            }
        }
        int literal = symbols.FindIndex(symbol => symbol >= AnyRun);
        if (literal < 0) literal = symbols.Count;
        return new PolicyPattern([.. symbols.Take(literal).Select(symbol => (byte)symbol)], [.. symbols.Skip(literal)]);
    }

    public bool Matches(ReadOnlySpan<byte> value)
    {
        if (!value.StartsWith(_prefix)) return false;
        value = value[_prefix.Length..];
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
            else if (symbol < _rest.Length && _rest[symbol] == AnyOne)
            {
                symbol++;
                at += CharacterLength(value[at..]);
            }
            else if (symbol < _rest.Length && _rest[symbol] == value[at])
            {
                symbol++;
                at++;
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

    private static string? Substitute(string name, IReadOnlyDictionary<string, string> variables)
    {
        if (name is "*" or "?" or "$") return name;
        return variables.TryGetValue(name, out string? value) && value.Length is > 0 and <= MaxVariableCharacters && !value.AsSpan().ContainsAny("*$+?#")
            ? value : null;
    }

    private static void AddLiteral(List<ushort> symbols, string text)
    {
        foreach (byte b in Encoding.UTF8.GetBytes(text)) symbols.Add(b);
    }

    private static int CharacterLength(ReadOnlySpan<byte> text)
    {
        int length = 1;
        while (length < text.Length && (text[length] & 0xC0) == 0x80) length++;
        return length;
    }
}
