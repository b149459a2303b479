using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>The first thing that is wrong with a body. Reading goes on with harmless values after it, and they are thrown away.</summary>
internal sealed class BodyProblem
{
    public ProblemHttpResult? First { get; private set; }

    public void Invalid(string path, string detail) => First ??= Problems.Invalid(path, detail);

    public void NotSupported(string path) =>
        First ??= Problems.NotSupported(path, "The plan language has this member, but this version does not carry it out.");
}

/// <summary>A JSON object of which every member is known, or refused: nothing that an operator asks for is ignored.</summary>
/// <param name="path">JSON path of the object; empty for the body itself.</param>
internal sealed class StrictObject(JsonElement? element, string path, BodyProblem problem)
{
    private JsonElement? Element { get; } = element;

    /// <summary>Whether the object is there at all.</summary>
    public bool IsPresent => Element is not null;

    /// <summary>Refuses members that are not named.</summary>
    /// <param name="known">Those that are read.</param>
    /// <param name="designed">Those that the design has and this version has not.</param>
    public StrictObject Only(ReadOnlySpan<string> known, params ReadOnlySpan<string> designed)
    {
        if (Element is not { } element) return this;
        if (element.ValueKind is not JsonValueKind.Object)
        {
            problem.Invalid(path.Length == 0 ? "$" : path, "Must be an object.");
            return new(null, path, problem);
        }
        foreach (var member in element.EnumerateObject())
        {
            if (designed.Contains(member.Name)) problem.NotSupported(PathOf(member.Name));
            else if (!known.Contains(member.Name)) problem.Invalid(PathOf(member.Name), "There is no such member.");
        }
        return this;
    }

    public string PathOf(string name) => path.Length == 0 ? name : $"{path}.{name}";

    public bool Has(string name) => Find(name) is not null;

    public StrictObject Object(string name, bool required)
    {
        var member = Find(name);
        if (member is null && required) Missing(name);
        return new(member, PathOf(name), problem);
    }

    /// <summary>Null when it is absent.</summary>
    public ImmutableArray<T>? Array<T>(string name, Func<JsonElement, string, T> read)
    {
        if (Find(name) is not { } member) return null;
        if (member.ValueKind is JsonValueKind.Array)
            return [.. member.EnumerateArray().Select((item, i) => read(item, $"{PathOf(name)}[{i}]"))];
        problem.Invalid(PathOf(name), "Must be an array.");
        return null;
    }

    public string? Text(string name, bool required)
    {
        if (Find(name) is not { } member)
        {
            if (required) Missing(name);
            return null;
        }
        if (member.ValueKind is JsonValueKind.String) return member.GetString();
        problem.Invalid(PathOf(name), "Must be a string.");
        return null;
    }

    public int? Integer(string name, bool required)
    {
        if (Find(name) is not { } member)
        {
            if (required) Missing(name);
            return null;
        }
        if (member.ValueKind is JsonValueKind.Number && member.TryGetInt32(out int value)) return value;
        problem.Invalid(PathOf(name), "Must be an integer.");
        return null;
    }

    public double? Number(string name, bool required)
    {
        if (Find(name) is not { } member)
        {
            if (required) Missing(name);
            return null;
        }
        if (member.ValueKind is JsonValueKind.Number && member.TryGetDouble(out double value)) return value;
        problem.Invalid(PathOf(name), "Must be a number.");
        return null;
    }

    public TimeSpan? Duration(string name)
    {
        if (Text(name, required: false) is not { } text) return null;
        if (IsoDuration.TryParse(text, out var duration)) return duration;
        problem.Invalid(PathOf(name), $"Must be {IsoDuration.Grammar}.");
        return null;
    }

    /// <param name="choices">In the words of the wire.</param>
    public T? Choice<T>(string name, bool required, params ReadOnlySpan<(string Word, T Value)> choices) where T : struct
    {
        if (Text(name, required) is not { } text) return null;
        foreach (var (word, value) in choices)
        {
            if (word == text) return value;
        }
        var words = new List<string>();
        foreach (var (word, _) in choices) words.Add(word);
        problem.Invalid(PathOf(name), $"Must be one of: {string.Join(", ", words)}.");
        return null;
    }

    private void Missing(string name) => problem.Invalid(PathOf(name), "Must be given.");

    // A member that is null says as little as one that is absent.
    private JsonElement? Find(string name) =>
        Element is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(name, out var member)
            && member.ValueKind is not JsonValueKind.Null
            ? member
            : null;
}
