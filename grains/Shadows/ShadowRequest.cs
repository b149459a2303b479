using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Shadows;

/// <summary>Why a request changes nothing (spec/aws-iot-topics.md, 1.6).</summary>
/// <param name="ClientToken">The request's, if it had a valid one.</param>
internal sealed record ShadowRejection(int Code, string Message, string? ClientToken);

/// <summary>An update as it was sent, once it is known to be well formed.</summary>
/// <param name="State">An object, or null as JSON.</param>
/// <param name="Version">The version it expects; null for whatever is there.</param>
internal sealed record ShadowUpdate(JsonElement State, long? Version, string? ClientToken)
{
    /// <summary>
    /// The sections it names, in its order: objects, or null as JSON. What else stands in state is not the requester's to write.
    /// </summary>
    public IEnumerable<JsonProperty> Sections => State.ValueKind is JsonValueKind.Null
        ? []
        : State.EnumerateObject().Where(section => section.Name is "desired" or "reported");
}

/// <summary>Reads the bodies of shadow requests.</summary>
internal static class ShadowRequest
{
    private const int MaxClientTokenBytes = 64;

    /// <summary>Container levels of a section, the section itself included.</summary>
    private const int MaxLevels = 6;

    /// <summary>How deep JSON may go before it is not read at all: deeper than what earns the message about nesting.</summary>
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 1_000, AllowDuplicateProperties = false };

    public static (ShadowUpdate? Update, ShadowRejection? Rejection) ReadUpdate(ReadOnlySpan<byte> body)
    {
        if (Parse(body, out var request) is { } unreadable) return (null, unreadable);
        string? token = null;
        if (request.ValueKind is not JsonValueKind.Object) return Refuse("Invalid JSON: the request must be an object");
        if (!TryReadClientToken(request, out token)) return Refuse("Invalid clientToken");
        if (!request.TryGetProperty("state", out var state)) return Refuse("Missing required node: state");
        if (state.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null)) return Refuse("State node must be an object");
        if (!TryReadVersion(request, out var version)) return Refuse("Invalid version");

        var update = new ShadowUpdate(state, version, token);
        foreach (var section in update.Sections)
        {
            if (section.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
                return Refuse(section.Name is "desired" ? "Desired node must be an object" : "Reported node must be an object");
            if (WhyNot(section.Value, level: 1, inArray: false) is { } invalid) return Refuse(invalid);
        }
        return (update, null);

        (ShadowUpdate?, ShadowRejection?) Refuse(string message) => (null, new ShadowRejection(400, message, token));
    }

    /// <summary>A get: nothing in it matters but the client token.</summary>
    public static (string? ClientToken, ShadowRejection? Rejection) ReadGet(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return (null, null);
        if (Parse(body, out var request) is { } unreadable) return (null, unreadable);
        if (request.ValueKind is not JsonValueKind.Object) return (null, null);
        return TryReadClientToken(request, out var token) ? (token, null) : (null, new ShadowRejection(400, "Invalid clientToken", null));
    }

    private static ShadowRejection? Parse(ReadOnlySpan<byte> body, out JsonElement request)
    {
        request = default;
        if (!Utf8.IsValid(body)) return new ShadowRejection(415, "Unsupported documented encoding; supported encoding is UTF-8", null);
        try
        {
            request = JsonElement.Parse(body, Options);
            return StorableText.IsJson(body) ? null : new ShadowRejection(400, StorableText.Rule, null);
        }
        // With AllowDuplicateProperties names are read as texts at once, and half a surrogate pair is none.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return new ShadowRejection(400, "Invalid JSON", null);
        }
    }

    private static bool TryReadClientToken(JsonElement request, out string? token)
    {
        token = null;
        if (!request.TryGetProperty("clientToken", out var value)) return true;
        if (value.ValueKind is not JsonValueKind.String || Encoding.UTF8.GetByteCount(value.GetString()!) > MaxClientTokenBytes)
            return false;
        token = value.GetString();
        return true;
    }

    private static bool TryReadVersion(JsonElement request, out long? version)
    {
        version = null;
        if (!request.TryGetProperty("version", out var value)) return true;
        if (value.ValueKind is not JsonValueKind.Number || !value.TryGetInt64(out long number) || number < 0) return false;
        version = number;
        return true;
    }

    private static string? WhyNot(JsonElement value, int level, bool inArray)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object or JsonValueKind.Array when level > MaxLevels:
                return $"JSON contains too many levels of nesting; maximum is {MaxLevels}";
            case JsonValueKind.Object:
                return value.EnumerateObject()
                    .Select(member => WhyNot(member.Value, level + 1, inArray)).FirstOrDefault(why => why is not null);
            case JsonValueKind.Array:
                return value.EnumerateArray().Select(item => WhyNot(item, level + 1, inArray: true)).FirstOrDefault(why => why is not null);
            // An array is replaced whole, so in it there is nothing that a null could remove.
            case JsonValueKind.Null when inArray:
                return "State contains an invalid node";
            default:
                return null;
        }
    }
}
