using System.Globalization;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Index;

/// <summary>Which fields there are, how each is compared, and what values it takes.</summary>
internal static class FleetTerms
{
    public const string FieldGrammar =
        "thing, model, firmware, connectivity, health, gateway, lastSeen, or an attribute's name, 1 to 64 of a-z 0-9 _ . "
        + "- (attributes.model for one that is called as a field is)";

    private const string AttributePrefix = "attributes.";
    private const int MaxAttributeCharacters = 64;
    private const int MaxValueCharacters = 256;
    private const string Equality = ": = or !=";

    /// <returns>Null if no field is called so.</returns>
    public static FleetField? Field(string word) => word switch
    {
        "thing" => FleetField.Thing,
        "model" => new(FleetFieldKind.Model),
        "firmware" => new(FleetFieldKind.Firmware),
        "connectivity" => FleetField.Connectivity,
        "health" => new(FleetFieldKind.Health),
        "gateway" => new(FleetFieldKind.Gateway),
        "lastSeen" => new(FleetFieldKind.LastSeen),
        _ when word.StartsWith(AttributePrefix, StringComparison.Ordinal) => Attribute(word[AttributePrefix.Length..]),
        _ => Attribute(word),
    };

    /// <summary>A word that is a term by itself.</summary>
    public static FleetExpression? Bare(string word) =>
        word is "connected" or "disconnected" or "stale" or "never" ? new FleetExpression.Is(FleetField.Connectivity, word) : null;

    /// <param name="sign">= != &lt; &lt;= > >=</param>
    /// <param name="value">A word or a quoted value.</param>
    /// <returns>The term; or what is wrong (the operator or the value), and what was expected.</returns>
    public static (FleetExpression? Term, FleetQueryError Error, string Expected) Compare(FleetField field, string sign, FleetToken value)
    {
        if (value.Text.Length is 0 or > MaxValueCharacters) return (null, FleetQueryError.Value, $"1 to {MaxValueCharacters} characters");
        FleetOrder? order = sign switch
        {
            "<" => FleetOrder.Below,
            "<=" => FleetOrder.AtMost,
            ">" => FleetOrder.Above,
            ">=" => FleetOrder.AtLeast,
            _ => null,
        };
        if (order is { } o) return Ordered(field, o, value.Text);
        if (field.Kind is FleetFieldKind.LastSeen) return (null, FleetQueryError.Operator, "< <= > or >=, for an instant");
        if (value.Kind is FleetTokenKind.Word && value.Text.Contains('*')) return Pattern(field, sign, value.Text);
        if (Grammar(field.Kind, value.Text) is { } grammar) return (null, FleetQueryError.Value, grammar);
        return Negated(sign, new FleetExpression.Is(field, value.Text));
    }

    private static (FleetExpression?, FleetQueryError, string) Ordered(FleetField field, FleetOrder order, string value)
    {
        switch (field.Kind)
        {
            case FleetFieldKind.Firmware:
                return FirmwareVersion.TryParse(value, out var version)
                    ? (new FleetExpression.Firmware(order, version), default, "") : (null, FleetQueryError.Value, FirmwareVersion.Grammar);
            case FleetFieldKind.Attribute:
                return AttributeNumber.Of(value) is { } number
                    ? (new FleetExpression.Number(field.Attribute!, order, number), default, "")
                    : (null, FleetQueryError.Value, "a decimal number, such as 3 or -0.5");
            case FleetFieldKind.LastSeen:
                return Instant(value) is { } at
                    ? (new FleetExpression.LastSeen(order, at), default, "")
                    : (null, FleetQueryError.Value, "an instant in UTC, such as 2026-11-20T12:00:00Z or 2026-11-20");
            default:
                return (null, FleetQueryError.Operator, $"{Equality}; {field} has no order");
        }
    }

    private static (FleetExpression?, FleetQueryError, string) Pattern(FleetField field, string sign, string value) =>
        field.Kind is FleetFieldKind.Connectivity or FleetFieldKind.Health
            ? (null, FleetQueryError.Value, Grammar(field.Kind, value)!)
            : Negated(sign, new FleetExpression.Like(field, [.. value.Split('*')]));

    private static (FleetExpression?, FleetQueryError, string) Negated(string sign, FleetExpression term) =>
        (sign == "!=" ? new FleetExpression.Not(term) : term, default, "");

    /// <summary>
    /// What the value of the field must look like; null if it does. A value that no device can have is a slip of the pen.
    /// </summary>
    private static string? Grammar(FleetFieldKind field, string value) => field switch
    {
        FleetFieldKind.Thing when !ThingName.TryParse(value, out _) => ThingName.Grammar,
        FleetFieldKind.Model when !ModelName.TryParse(value, out _) => ModelName.Grammar,
        FleetFieldKind.Firmware when !FirmwareVersion.TryParse(value, out _) => FirmwareVersion.Grammar,
        FleetFieldKind.Connectivity when Bare(value) is null => "never, connected, disconnected or stale",
        FleetFieldKind.Health when value is not ("healthy" or "unhealthy" or "unknown") => "healthy, unhealthy or unknown",
        _ => null,
    };

    private static FleetField? Attribute(string name) =>
        name.Length is > 0 and <= MaxAttributeCharacters
            && name.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '.' or '-')
            ? new FleetField(FleetFieldKind.Attribute, name) : null;

    // To the microsecond, which is what every database keeps.
    private static DateTimeOffset? Instant(string text)
    {
        ReadOnlySpan<string> patterns =
            ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", "yyyy-MM-dd'T'HH:mm'Z'", "yyyy-MM-dd"];
        return DateTimeOffset.TryParseExact(
            text, patterns.ToArray(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var at) ? at : null;
    }
}
