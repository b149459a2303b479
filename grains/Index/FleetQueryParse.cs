namespace Fleet.Grains.Index;

/// <summary>What a fleet query as it was written means. Positions count characters from 0.</summary>
public abstract record FleetQueryParse
{
    private FleetQueryParse() { }

    public sealed record Parsed(FleetQuery Query) : FleetQueryParse;

    /// <param name="Position">Where it went wrong; the text's length for its end.</param>
    /// <param name="Expected">What would have been right there.</param>
    public sealed record Invalid(int Position, FleetQueryError Error, string Expected) : FleetQueryParse
    {
        /// <summary>For people.</summary>
        public string Detail => Error switch
        {
            FleetQueryError.Term => $"A term is expected: {Expected}.",
            FleetQueryError.Connective => $"{Expected} is expected.",
            FleetQueryError.Operator => $"An operator is expected: {Expected}.",
            FleetQueryError.Value => $"The value must be {Expected}.",
            FleetQueryError.Quote => $"The quote must go on with {Expected}.",
            _ => $"The query is too large: {Expected}.",
        };
    }
}

public enum FleetQueryError
{
    /// <summary>Here a term begins, and this is none.</summary>
    Term,

    /// <summary>Between terms stand "and" and "or".</summary>
    Connective,

    /// <summary>The field is not compared in this way.</summary>
    Operator,

    /// <summary>The field has no such value.</summary>
    Value,

    /// <summary>A quoted value does not end, or has an unknown escape.</summary>
    Quote,

    /// <summary>Too long, too many terms, or too deep.</summary>
    Size,
}
