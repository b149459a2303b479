using System.Buffers;
using System.Text.Json;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>A message as one JSON object, for receivers that see no headers, such as functions.</summary>
internal static class RuleEnvelope
{
    /// <summary><c>payload</c> holds it as it is if it is JSON, otherwise <c>payloadBase64</c>.</summary>
    public static ReadOnlyMemory<byte> Of(RuleName rule, QueuedMessage message)
    {
        var buffer = new ArrayBufferWriter<byte>(message.Payload.Length + 512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("ruleName", rule.Value);
        json.WriteString("topic", message.Topic);
        if (message.ClientId is { } client) json.WriteString("clientId", client);
        json.WriteString("messageId", message.Id);
        json.WriteString("receivedAt", message.ReceivedAt.UtcDateTime);
        if (message.ContentType is { } type) json.WriteString("contentType", type);
        if (IsJson(message.Payload.Span))
        {
            json.WritePropertyName("payload");
            json.WriteRawValue(message.Payload.Span, skipInputValidation: true);
        }
        else
        {
            json.WriteBase64String("payloadBase64", message.Payload.Span);
        }
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    public static bool IsJson(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty) return false;
        var reader = new Utf8JsonReader(payload);
        try
        {
            while (reader.Read())
            {
                // Well-formed UTF-8 too: what JSON strings hold is otherwise looked at only by those who read them.
            }
            return System.Text.Unicode.Utf8.IsValid(payload);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
