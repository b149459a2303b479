using static Fleet.Grains.Index.FleetQueryParse;

namespace Fleet.Grains.Index;

/// <summary>
/// Reads the fleet query language (docs/query-language.md):
/// <code>
/// query = and *( "or" and )          and  = unary *( "and" unary )
/// unary = "not" unary / "(" query ")" / term
/// term  = field operator value / field ( "=" / ":" / "!=" ) "{" value *( "," value ) "}"
///         / "connected" / "disconnected" / "stale" / "never"
/// </code>
/// </summary>
public sealed class FleetQueryParser
{
    public const int MaxCharacters = 4_096;

    /// <summary>Each is a look into the index; a set counts as its values.</summary>
    public const int MaxTerms = 100;

    /// <summary>Parentheses and "not" within each other.</summary>
    public const int MaxDepth = 32;

    private const string AnyTerm = "field:value, such as model:amr; connected, disconnected, stale or never; not; or (";

    private readonly FleetQueryLexer _lexer;
    private FleetToken _token;
    private int _terms;
    private int _depth;

    private FleetQueryParser(string text)
    {
        _lexer = new FleetQueryLexer(text);
        _token = _lexer.Next();
    }

    public static FleetQueryParse Parse(string text)
    {
        if (text.Length > MaxCharacters) return new Invalid(MaxCharacters, FleetQueryError.Size, $"at most {MaxCharacters} characters");
        try
        {
            var parser = new FleetQueryParser(text);
            var filter = parser.ReadOr();
            parser.Expect(parser._token.Kind is FleetTokenKind.End, FleetQueryError.Connective, "\"and\", \"or\" or the end");
            return new Parsed(new FleetQuery(filter));
        }
        catch (QueryException e)
        {
            return e.Invalid;
        }
    }

    private FleetExpression ReadOr()
    {
        var parts = ImmutableArray.CreateBuilder<FleetExpression>();
        parts.Add(ReadAnd());
        while (TryReadKeyword("or")) parts.Add(ReadAnd());
        return parts.Count == 1 ? parts[0] : new FleetExpression.Or(parts.ToImmutable());
    }

    private FleetExpression ReadAnd()
    {
        var parts = ImmutableArray.CreateBuilder<FleetExpression>();
        parts.Add(ReadUnary());
        while (TryReadKeyword("and")) parts.Add(ReadUnary());
        return parts.Count == 1 ? parts[0] : new FleetExpression.And(parts.ToImmutable());
    }

    private FleetExpression ReadUnary()
    {
        Expect(++_depth <= MaxDepth, FleetQueryError.Size, $"at most {MaxDepth} parentheses and \"not\" within each other");
        var first = ReadToken();
        FleetExpression read;
        switch (first)
        {
            case { Kind: FleetTokenKind.Open }:
                read = ReadOr();
                Expect(_token.Kind is FleetTokenKind.Close, FleetQueryError.Connective, "\"and\", \"or\" or )");
                ReadToken();
                break;
            // "not" before an operator is an attribute of that name.
            case { Kind: FleetTokenKind.Word, Text: "not" } when _token.Kind is not FleetTokenKind.Operator:
                read = new FleetExpression.Not(ReadUnary());
                break;
            case { Kind: FleetTokenKind.Word }:
                read = ReadTerm(first);
                break;
            default:
                throw Error(first, FleetQueryError.Term, first.Kind is FleetTokenKind.Wrong ? first.Text : AnyTerm);
        }
        _depth--;
        return read;
    }

    private FleetExpression ReadTerm(FleetToken word)
    {
        CountTerm(word);
        if (_token.Kind is not FleetTokenKind.Operator)
        {
            if (FleetTerms.Bare(word.Text) is { } bare) return bare;
            throw FleetTerms.Field(word.Text) is null || word.Text is "and" or "or"
                ? Error(word, FleetQueryError.Term, AnyTerm)
                : Error(_token, FleetQueryError.Operator, $"one of : = != < <= > >= after {word.Text}");
        }
        var field = FleetTerms.Field(word.Text) ?? throw Error(word, FleetQueryError.Term, FleetTerms.FieldGrammar);
        var sign = _token;
        var value = _lexer.NextValue();
        if (value.Kind is not FleetTokenKind.OpenSet) return ReadComparison(field, sign, value);

        if (sign.Text is not ("=" or "!=")) throw Error(value, FleetQueryError.Value, $"a single one after {sign.Text}");
        var values = ImmutableArray.CreateBuilder<FleetExpression>();
        do
        {
            if (values.Count > 0) CountTerm(_token);
            values.Add(ReadComparison(field, sign with { Text = "=" }, _lexer.NextValue()));
        }
        while (_token.Kind is FleetTokenKind.Comma);
        Expect(_token.Kind is FleetTokenKind.CloseSet, FleetQueryError.Value, "followed by , or }");
        ReadToken();
        FleetExpression set = values.Count == 1 ? values[0] : new FleetExpression.Or(values.ToImmutable());
        return sign.Text == "!=" ? new FleetExpression.Not(set) : set;
    }

    /// <summary>Leaves the token after the value as the current one.</summary>
    private FleetExpression ReadComparison(FleetField field, FleetToken sign, FleetToken value)
    {
        if (value.Kind is not (FleetTokenKind.Word or FleetTokenKind.Quoted))
        {
            bool brokenQuote = value.Kind is FleetTokenKind.Wrong && value.Text is "\"" or "\\\" or \\\\";
            throw Error(
                value, brokenQuote ? FleetQueryError.Quote : FleetQueryError.Value,
                value.Kind is FleetTokenKind.Wrong ? value.Text : "there: a word, \"…\" or {…}");
        }
        var (term, error, expected) = FleetTerms.Compare(field, sign.Text, value);
        if (term is null) throw Error(error is FleetQueryError.Operator ? sign : value, error, expected);
        _token = _lexer.Next();
        return term;
    }

    private void CountTerm(FleetToken at)
    {
        if (++_terms > MaxTerms) throw Error(at, FleetQueryError.Size, $"at most {MaxTerms} terms");
    }

    private bool TryReadKeyword(string keyword)
    {
        if (_token.Kind is not FleetTokenKind.Word || _token.Text != keyword) return false;
        ReadToken();
        return true;
    }

    private FleetToken ReadToken()
    {
        var read = _token;
        _token = _lexer.Next();
        return read;
    }

    private void Expect(bool holds, FleetQueryError error, string expected)
    {
        if (!holds) throw Error(_token, error, expected);
    }

    private static QueryException Error(FleetToken at, FleetQueryError error, string expected) =>
        new(new Invalid(at.Position, error, expected));

    /// <summary>The way out of the recursion; it never leaves <see cref="Parse"/>.</summary>
    private sealed class QueryException(Invalid invalid) : Exception
    {
        public Invalid Invalid => invalid;
    }
}
