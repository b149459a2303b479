using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace Fleet.Interfaces.Naming;

/// <summary>A name with a grammar: made by <c>TryParse</c>, so that a value that exists is a value that is valid.</summary>
public interface IName<TSelf> where TSelf : struct, IName<TSelf>
{
    /// <summary>The name as it stands on the wire.</summary>
    string Value { get; }

    /// <summary>What a valid name looks like, for error messages: "1 to 128 of a-z A-Z 0-9 : _ -".</summary>
    static abstract string Grammar { get; }

    static abstract bool TryParse([NotNullWhen(true)] string? text, out TSelf name);
}

/// <summary>A device's name on the wire and its grain's key: 1 to 128 of <c>[a-zA-Z0-9:_-]</c>.</summary>
[GenerateSerializer, Immutable, Alias("fleet.thing-name"), JsonConverter(typeof(NameJsonConverter<ThingName>))]
public readonly record struct ThingName : IName<ThingName>
{
    private ThingName(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "1 to 128 of a-z A-Z 0-9 : _ -";
    public static bool TryParse([NotNullWhen(true)] string? text, out ThingName name) =>
        Grammars.Accept(text, 128, ":_-", v => new ThingName(v), out name);
    public override string ToString() => Value;
}

/// <summary>A job's id: 1 to 64 of <c>[a-zA-Z0-9_-]</c>. The job of a rollout carries the rollout's id.</summary>
[GenerateSerializer, Immutable, Alias("fleet.job-id"), JsonConverter(typeof(NameJsonConverter<JobId>))]
public readonly record struct JobId : IName<JobId>
{
    private JobId(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "1 to 64 of a-z A-Z 0-9 _ -";
    public static bool TryParse([NotNullWhen(true)] string? text, out JobId name) =>
        Grammars.Accept(text, 64, "_-", v => new JobId(v), out name);
    public override string ToString() => Value;
}

/// <summary>A rollout's id: 1 to 64 of <c>[a-zA-Z0-9_-]</c>, so that it can be the id of its job.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rollout-id"), JsonConverter(typeof(NameJsonConverter<RolloutId>))]
public readonly record struct RolloutId : IName<RolloutId>
{
    private RolloutId(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "1 to 64 of a-z A-Z 0-9 _ -";
    public static bool TryParse([NotNullWhen(true)] string? text, out RolloutId name) =>
        Grammars.Accept(text, 64, "_-", v => new RolloutId(v), out name);
    public override string ToString() => Value;
}

/// <summary>A stream's id: 1 to 128 of <c>[a-zA-Z0-9_-]</c>; ours stay within the 44 that FreeRTOS agents take.</summary>
[GenerateSerializer, Immutable, Alias("fleet.stream-id"), JsonConverter(typeof(NameJsonConverter<StreamId>))]
public readonly record struct StreamId : IName<StreamId>
{
    private StreamId(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "1 to 128 of a-z A-Z 0-9 _ -";
    public static bool TryParse([NotNullWhen(true)] string? text, out StreamId name) =>
        Grammars.Accept(text, 128, "_-", v => new StreamId(v), out name);
    public override string ToString() => Value;
}

/// <summary>SHA-256 of a certificate's DER, 64 lower-case hex digits.</summary>
[GenerateSerializer, Immutable, Alias("fleet.certificate-id"), JsonConverter(typeof(NameJsonConverter<CertificateId>))]
public readonly record struct CertificateId : IName<CertificateId>
{
    private CertificateId(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "64 lower-case hex digits";
    public static bool TryParse([NotNullWhen(true)] string? text, out CertificateId name)
    {
        name = default;
        if (text is not { Length: 64 } || !text.All(char.IsAsciiHexDigitLower)) return false;
        name = new CertificateId(text);
        return true;
    }
    public override string ToString() => Value;
}

/// <summary>A device model: 1 to 64 of <c>[a-zA-Z0-9._-]</c>, starting with a letter or digit.</summary>
[GenerateSerializer, Immutable, Alias("fleet.model-name"), JsonConverter(typeof(NameJsonConverter<ModelName>))]
public readonly record struct ModelName : IName<ModelName>
{
    private ModelName(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar => "1 to 64 of a-z A-Z 0-9 . _ -, starting with a letter or digit";
    public static bool TryParse([NotNullWhen(true)] string? text, out ModelName name)
    {
        name = default;
        return text is { Length: > 0 } && char.IsAsciiLetterOrDigit(text[0]) &&
            Grammars.Accept(text, 64, "._-", v => new ModelName(v), out name);
    }
    public override string ToString() => Value;
}

internal static class Grammars
{
    public static bool Accept<T>(string? text, int maxLength, string punctuation, Func<string, T> make, out T name) where T : struct
    {
        name = default;
        if (string.IsNullOrEmpty(text) || text.Length > maxLength) return false;
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !punctuation.Contains(c)) return false;
        }
        name = make(text);
        return true;
    }
}
