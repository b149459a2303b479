using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Rules;

/// <summary>A rule's name, as it stands in <c>$aws/rules/{rule}/…</c>: 1 to 128 of <c>[a-zA-Z0-9_]</c>.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rule-name"), JsonConverter(typeof(NameJsonConverter<RuleName>))]
public readonly record struct RuleName : IName<RuleName>
{
    private RuleName(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "1 to 128 of a-z A-Z 0-9 _";
    public static bool TryParse([NotNullWhen(true)] string? text, out RuleName name) =>
        Grammars.Accept(text, 128, "_", v => new RuleName(v), out name);
    public override string ToString() => Value;
}
