using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Index;

/// <summary>What a fleet query as it was written means. Positions count characters from 0.</summary>
public abstract record FleetQueryParse
{
    private FleetQueryParse() { }

    public sealed record Parsed(FleetQuery Query) : FleetQueryParse;

    /// <summary>Part of the query language, but not of what is built yet.</summary>
    public sealed record NotSupported(int Position, string Detail) : FleetQueryParse;

    public sealed record Invalid(int Position, string Detail) : FleetQueryParse;
}

/// <summary>Reads <c>field:value</c> terms joined by <c>and</c>, such as <c>model:amr and site:tokyo</c>.</summary>
public static class FleetQueryParser
{
    private const int MaxTerms = 20;
    private const int MaxFieldCharacters = 64;
    private const int MaxValueCharacters = 256;
    private const string Reserved = "\"'()<>=!*?[]{}~^,|&";

    public static FleetQueryParse Parse(string text)
    {
        var terms = ImmutableArray.CreateBuilder<(string, string)>();
        int at = SkipSpaces(text, 0);
        if (at == text.Length) return new FleetQueryParse.Invalid(at, "At least one term is needed, such as model:amr.");
        while (true)
        {
            if (ReadTerm(text, ref at, out var term) is { } problem) return problem;
            terms.Add(term);
            if (terms.Count > MaxTerms) return new FleetQueryParse.Invalid(at, $"There are more than {MaxTerms} terms.");
            at = SkipSpaces(text, at);
            if (at == text.Length) return new FleetQueryParse.Parsed(new FleetQuery(terms.ToImmutable()));
            if (ReadAnd(text, ref at) is { } noAnd) return noAnd;
        }
    }

    private static FleetQueryParse? ReadTerm(string text, ref int at, out (string, string) term)
    {
        term = default;
        int start = at;
        while (at < text.Length && IsFieldCharacter(text[at])) at++;
        string field = text[start..at];
        if (at < text.Length && Reserved.Contains(text[at])) return Unsupported(text, at);
        if (field is "or" or "not") return new FleetQueryParse.NotSupported(start, $"'{field}'.");
        if (field.Length is 0 or > MaxFieldCharacters || at == text.Length || text[at] != ':')
            return new FleetQueryParse.Invalid(start, $"A term is field:value; a field is 1 to {MaxFieldCharacters} of a-z 0-9 _ . -");

        int valueAt = ++at;
        while (at < text.Length && !char.IsWhiteSpace(text[at]))
        {
            if (Reserved.Contains(text[at])) return Unsupported(text, at);
            at++;
        }
        string value = text[valueAt..at];
        if (value.Length is 0 or > MaxValueCharacters) return new FleetQueryParse.Invalid(valueAt, $"A value has 1 to {MaxValueCharacters} characters.");
        term = (field, value);
        return Grammar(field, value) is { } grammar ? new FleetQueryParse.Invalid(valueAt, $"{field} is {grammar}.") : null;
    }

    private static FleetQueryParse? ReadAnd(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && IsFieldCharacter(text[at])) at++;
        switch (text[start..at])
        {
            case "and":
                at = SkipSpaces(text, at);
                return at < text.Length ? null : new FleetQueryParse.Invalid(at, "A term is missing after 'and'.");
            case "or":
                return new FleetQueryParse.NotSupported(start, "'or'.");
            default:
                return at < text.Length && Reserved.Contains(text[at])
                    ? Unsupported(text, at)
                    : new FleetQueryParse.Invalid(start, "Terms are joined by 'and'.");
        }
    }

    /// <summary>What the value of a field that is not an attribute must look like; null if it does.</summary>
    private static string? Grammar(string field, string value) => field switch
    {
        "thing" when !ThingName.TryParse(value, out _) => ThingName.Grammar,
        "model" when !ModelName.TryParse(value, out _) => ModelName.Grammar,
        "firmware" when !FirmwareVersion.TryParse(value, out _) => FirmwareVersion.Grammar,
        "connectivity" when value is not ("never" or "connected" or "disconnected" or "stale") => "never, connected, disconnected or stale",
        _ => null,
    };

    private static FleetQueryParse.NotSupported Unsupported(string text, int at) => new(at, $"'{text[at]}'.");

    private static bool IsFieldCharacter(char c) => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '.' or '-';

    private static int SkipSpaces(string text, int at)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at])) at++;
        return at;
    }
}
