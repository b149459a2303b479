using System.Text;

namespace Fleet.Gateway.AwsTopics;

internal enum TopicFamily { Shadow, Jobs, Streams, Certificates, Templates }

internal enum PayloadFormat { Json, Cbor }

/// <summary>
/// A topic that a client may publish a request to (spec/aws-iot-topics.md, sections 1 to 4). Those that only the service publishes to,
/// <c>…/accepted</c> and the like, are none.
/// </summary>
/// <param name="Text">The whole topic name; its answers go to <c>{Text}/accepted</c> or <c>/rejected</c> (streams have their own).</param>
/// <param name="Thing">Of the thing topics; empty for the others.</param>
/// <param name="Name">Shadow name (empty: classic), job id (or "$next", or empty), stream id, template name.</param>
/// <param name="Operation">
/// The request: get, update, delete, start-next, describe, create, create-from-csr, provision; empty: no operation is called so.
/// </param>
internal sealed record ReservedTopic(TopicFamily Family, string Text, string Thing, string Name, string Operation, PayloadFormat Format)
{
    private static readonly string[] AnswerLevels =
        ["accepted", "rejected", "notify", "notify-next", "delta", "documents", "data", "description"];

    public static bool TryParse(ReadOnlySpan<byte> topicName, out ReservedTopic topic)
    {
        topic = null!;
        if (!topicName.StartsWith("$aws/"u8)) return false;
        string text = Encoding.UTF8.GetString(topicName);
        string[] levels = text.Split('/');
        ReservedTopic? parsed = levels switch
        {
            ["$aws", "things", var thing, "shadow", .. var rest] => Shadow(text, thing, rest),
            ["$aws", "things", var thing, "jobs", .. var rest] => Jobs(text, thing, rest),
            ["$aws", "things", var thing, "streams", var stream, .. var rest] => Streams(text, thing, stream, rest),
            ["$aws", "certificates", ("create" or "create-from-csr") and var operation, ("json" or "cbor") and var format] =>
                new(TopicFamily.Certificates, text, "", "", operation, FormatOf(format)),
            ["$aws", "provisioning-templates", var template, "provision", ("json" or "cbor") and var format] =>
                new(TopicFamily.Templates, text, "", template, "provision", FormatOf(format)),
            _ => null,
        };
        if (parsed is null) return false;
        topic = parsed;
        return true;
    }

    private static ReservedTopic? Shadow(string text, string thing, string[] rest) => rest switch
    {
        [("get" or "update" or "delete") and var operation] => new(TopicFamily.Shadow, text, thing, "", operation, PayloadFormat.Json),
        ["name", var name, ("get" or "update" or "delete") and var operation] =>
            new(TopicFamily.Shadow, text, thing, name, operation, PayloadFormat.Json),
        _ => null,
    };

    private static ReservedTopic? Jobs(string text, string thing, string[] rest) => rest switch
    {
        [("get" or "start-next") and var operation] => new(TopicFamily.Jobs, text, thing, "", operation, PayloadFormat.Json),
        [var job, ("get" or "update") and var operation] => new(TopicFamily.Jobs, text, thing, job, operation, PayloadFormat.Json),
        // In the namespace, and no operation: told so (InvalidTopic), unless it is the service's own.
        [.., var last] when !AnswerLevels.Contains(last) => new(TopicFamily.Jobs, text, thing, "", "", PayloadFormat.Json),
        _ => null,
    };

    private static ReservedTopic? Streams(string text, string thing, string stream, string[] rest) => rest switch
    {
        [("get" or "describe") and var operation, ("json" or "cbor") and var format] =>
            new(TopicFamily.Streams, text, thing, stream, operation, FormatOf(format)),
        [var operation, ("json" or "cbor") and var format] when !AnswerLevels.Contains(operation) =>
            new(TopicFamily.Streams, text, thing, stream, "", FormatOf(format)),
        _ => null,
    };

    private static PayloadFormat FormatOf(string level) => level == "cbor" ? PayloadFormat.Cbor : PayloadFormat.Json;
}

/// <summary>A request to a reserved topic, in memory of its own.</summary>
internal sealed record ReservedRequest(ReservedTopic Topic, ReadOnlyMemory<byte> Payload);
