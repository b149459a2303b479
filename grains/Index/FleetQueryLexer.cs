using System.Text;

namespace Fleet.Grains.Index;

internal enum FleetTokenKind
{
    End,

    /// <summary>A field, a keyword or a value without quotes: what stands between spaces, signs and quotes.</summary>
    Word,
    Quoted,

    /// <summary>: = != &lt; &lt;= > >=</summary>
    Operator,
    Open,
    Close,
    OpenSet,
    CloseSet,
    Comma,

    /// <summary>What is no part of the language; <see cref="FleetToken.Text"/> says what should be there.</summary>
    Wrong,
}

internal readonly record struct FleetToken(FleetTokenKind Kind, int Position, string Text);

/// <summary>Cuts a fleet query into tokens. A value may hold <c>:</c>, a field may not: the parser says which of them comes next.</summary>
internal sealed class FleetQueryLexer(string text)
{
    /// <summary>What a word cannot hold: it would have to be quoted.</summary>
    private const string Reserved = "\"'()<>=!?[]{}~^,|&\\";

    private int _at;

    /// <summary>The next token where a term, a connective or an operator may stand.</summary>
    public FleetToken Next() => Read(stopAtColon: true);

    /// <summary>The next token where a value may stand.</summary>
    public FleetToken NextValue() => Read(stopAtColon: false);

    private FleetToken Read(bool stopAtColon)
    {
        while (_at < text.Length && char.IsWhiteSpace(text[_at])) _at++;
        int start = _at;
        if (start == text.Length) return new(FleetTokenKind.End, start, "");
        switch (text[_at++])
        {
            case '(': return new(FleetTokenKind.Open, start, "(");
            case ')': return new(FleetTokenKind.Close, start, ")");
            case '{': return new(FleetTokenKind.OpenSet, start, "{");
            case '}': return new(FleetTokenKind.CloseSet, start, "}");
            case ',': return new(FleetTokenKind.Comma, start, ",");
            case '=': return new(FleetTokenKind.Operator, start, "=");
            case ':' when stopAtColon: return new(FleetTokenKind.Operator, start, "=");
            case '<' or '>' or '!': return Comparison(start);
            case '"': return Quoted(start);
            case var c when Reserved.Contains(c):
                return new(FleetTokenKind.Wrong, start, $"a letter, a digit or a quoted value, and not {c}");
        }
        while (_at < text.Length && !char.IsWhiteSpace(text[_at]) && !Reserved.Contains(text[_at]) && !(stopAtColon && text[_at] == ':'))
            _at++;
        return new(FleetTokenKind.Word, start, text[start.._at]);
    }

    private FleetToken Comparison(int start)
    {
        if (_at < text.Length && text[_at] == '=') _at++;
        else if (text[start] == '!') return new(FleetTokenKind.Wrong, start, "!= or not");
        return new(FleetTokenKind.Operator, start, text[start.._at]);
    }

    private FleetToken Quoted(int start)
    {
        var value = new StringBuilder();
        for (; _at < text.Length; _at++)
        {
            switch (text[_at])
            {
                case '"':
                    _at++;
                    return new(FleetTokenKind.Quoted, start, value.ToString());
                case '\\' when _at + 1 < text.Length && text[_at + 1] is '"' or '\\':
                    value.Append(text[++_at]);
                    break;
                case '\\':
                    return new(FleetTokenKind.Wrong, _at, "\\\" or \\\\");
                default:
                    value.Append(text[_at]);
                    break;
            }
        }
        return new(FleetTokenKind.Wrong, _at, "\"");
    }
}
