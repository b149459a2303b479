using System.Text;
using System.Text.Json;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.AwsTopics;

/// <summary>
/// The fields of a JSON request, read by name and checked; the first that is wrong is remembered as a sentence. An empty body has no
/// fields; members that nobody asks for are ignored (spec/aws-iot-topics.md, rules common to every family).
/// </summary>
internal sealed class RequestFields : IDisposable
{
    public const int MaxClientTokenBytes = 64;

    private readonly JsonDocument? _document;
    private readonly JsonElement _root;

    private RequestFields(JsonDocument? document)
    {
        _document = document;
        _root = document?.RootElement ?? default;
    }

    /// <summary>Null while all is well.</summary>
    public string? Error { get; private set; }

    /// <summary>To echo; null if there is none, or none that is valid.</summary>
    public string? ClientToken { get; private set; }

    /// <param name="error">What is wrong with the JSON; null if nothing is.</param>
    public static RequestFields Parse(ReadOnlyMemory<byte> body, out string? error)
    {
        error = null;
        if (body.IsEmpty) return new RequestFields(null);
        try
        {
            var document = JsonDocument.Parse(body);
            bool isObject = document.RootElement.ValueKind == JsonValueKind.Object;
            if (isObject && StorableText.IsJson(body.Span)) return new RequestFields(document);
            document.Dispose();
            // To read what is no text would be an InvalidOperationException.
            if (isObject) return new RequestFields(null) { Error = StorableText.Rule };
            error = "The body is not a JSON object.";
        }
        catch (JsonException e)
        {
            error = $"The body is not JSON: {e.Message}";
        }
        return new RequestFields(null);
    }

    public void ReadClientToken(string name = "clientToken")
    {
        if (String(name) is not { } token) return;
        if (Encoding.UTF8.GetByteCount(token) > MaxClientTokenBytes) Fail($"{name} is longer than {MaxClientTokenBytes} bytes.");
        else ClientToken = token;
    }

    public string? String(string name)
    {
        if (!TryGet(name, out var value)) return null;
        if (value.ValueKind == JsonValueKind.String) return value.GetString();
        Fail($"{name} is not a string.");
        return null;
    }

    /// <param name="orText">Take the number in a string too, as libraries of small devices send it.</param>
    public int? Integer(string name, int minimum, int maximum, bool orText = false)
    {
        if (!TryGet(name, out var value)) return null;
        int number = 0;
        bool read = value.ValueKind == JsonValueKind.Number ? value.TryGetInt32(out number)
            : orText && value.ValueKind == JsonValueKind.String && int.TryParse(value.GetString(), out number);
        if (read && number >= minimum && number <= maximum) return number;
        Fail($"{name} is not an integer from {minimum} to {maximum}.");
        return null;
    }

    public bool Boolean(string name, bool otherwise)
    {
        if (!TryGet(name, out var value)) return otherwise;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        Fail($"{name} is not true or false.");
        return otherwise;
    }

    /// <param name="check">Null if key and value are good, else what is wrong with them.</param>
    public ImmutableSortedDictionary<string, string>? Map(string name, int maxEntries, Func<string, string, string?> check)
    {
        if (!TryGet(name, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Object)
        {
            Fail($"{name} is not an object.");
            return null;
        }
        var map = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.String) Fail($"{name}: the value of '{member.Name}' is not a string.");
            else if (check(member.Name, member.Value.GetString()!) is { } wrong) Fail($"{name}: {wrong}");
            else map[member.Name] = member.Value.GetString()!;
        }
        if (map.Count > maxEntries) Fail($"{name} has more than {maxEntries} entries.");
        return map.ToImmutable();
    }

    public void Fail(string error) => Error ??= error;

    public void Dispose() => _document?.Dispose();

    /// <summary>An explicit null is as good as nothing.</summary>
    private bool TryGet(string name, out JsonElement value)
    {
        value = default;
        return _root.ValueKind == JsonValueKind.Object && _root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
    }
}
