using System.Text.Json;
using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Shadows;

/// <summary>The bodies of shadow answers (spec/aws-iot-topics.md, 1.2 to 1.6).</summary>
/// <param name="timestamp">When the answer is made, epoch seconds.</param>
internal readonly struct ShadowAnswers(ShadowAddress address, long timestamp, string? clientToken)
{
    private readonly ShadowAddress _address = address;
    private readonly long _timestamp = timestamp;
    private readonly string? _clientToken = clientToken;

    /// <summary>The change, not the document: what the request named, nulls included.</summary>
    public TopicMessage UpdateAccepted(ShadowUpdate update, long version) => Message("update/accepted", version, (writer, timestamp) =>
    {
        writer.WritePropertyName("state");
        if (update.State.ValueKind is JsonValueKind.Null)
        {
            writer.WriteNullValue();
        }
        else
        {
            writer.WriteStartObject();
            foreach (var section in update.Sections) section.WriteTo(writer);
            writer.WriteEndObject();
        }
        writer.WriteStartObject("metadata");
        foreach (var section in update.Sections)
        {
            writer.WritePropertyName(section.Name);
            ShadowJson.WriteMetadata(writer, section.Value, timestamp);
        }
        writer.WriteEndObject();
    });

    public TopicMessage Delta(ShadowObject delta, long version) => Message("update/delta", version, (writer, _) =>
    {
        writer.WritePropertyName("state");
        ShadowJson.WriteState(writer, delta);
        writer.WritePropertyName("metadata");
        ShadowJson.WriteMetadata(writer, delta);
    });

    /// <param name="previous">Null on the first update: then the member is absent.</param>
    public TopicMessage Documents(ShadowDocument? previous, ShadowDocument current) =>
        Message("update/documents", version: null, (writer, _) =>
        {
            if (previous is not null) WriteDocument(writer, "previous", previous);
            WriteDocument(writer, "current", current);
        });

    public TopicMessage GetAccepted(ShadowDocument document) => Message("get/accepted", document.Version, (writer, _) =>
    {
        writer.WritePropertyName("state");
        document.WriteState(writer, ShadowDelta.Of(document.Desired, document.Reported));
        writer.WritePropertyName("metadata");
        document.WriteMetadata(writer);
    });

    /// <param name="operation">get or update.</param>
    public TopicMessage Rejected(string operation, int code, string message) =>
        Message($"{operation}/rejected", version: null, (writer, _) =>
        {
            writer.WriteNumber("code", code);
            writer.WriteString("message", message);
        });

    private TopicMessage Message(string operation, long? version, Action<Utf8JsonWriter, long> body)
    {
        var (timestamp, clientToken) = (_timestamp, _clientToken);
        return new TopicMessage(_address.Topic(operation), ShadowJson.Write(writer =>
        {
            writer.WriteStartObject();
            body(writer, timestamp);
            if (version is { } number) writer.WriteNumber("version", number);
            writer.WriteNumber("timestamp", timestamp);
            if (clientToken is not null) writer.WriteString("clientToken", clientToken);
            writer.WriteEndObject();
        }));
    }

    private static void WriteDocument(Utf8JsonWriter writer, string name, ShadowDocument document)
    {
        writer.WriteStartObject(name);
        writer.WritePropertyName("state");
        document.WriteState(writer);
        writer.WritePropertyName("metadata");
        document.WriteMetadata(writer);
        writer.WriteNumber("version", document.Version);
        writer.WriteEndObject();
    }
}
