namespace Fleet.Gateway.Policies;

/// <summary>
/// A policy for one session: the document's rules, and the values of its variables. Any matching Deny denies; otherwise any matching Allow
/// allows; otherwise denied (spec/aws-iot-topics.md, 6.6). Immutable.
/// </summary>
internal sealed class SessionPolicy
{
    private readonly PolicyDocument _document;
    private readonly byte[][] _values;

    private SessionPolicy(PolicyDocument document, byte[][] values) => (_document, _values) = (document, values);

    public string Name => _document.Name;

    public static SessionPolicy Fill(PolicyDocument document, IReadOnlyDictionary<string, string> variables) =>
        new(document, document.Variables.Fill(variables));

    public bool AllowsConnect(ReadOnlySpan<byte> clientId) => _document.Connect.Allow(clientId, _values);

    /// <param name="retain">The message is to be retained, which needs iot:RetainPublish besides iot:Publish.</param>
    public bool AllowsPublish(ReadOnlySpan<byte> topicName, bool retain) =>
        _document.Publish.Allow(topicName, _values) && (!retain || _document.RetainPublish.Allow(topicName, _values));

    /// <param name="topicFilter">As sent, without "$share/{group}/".</param>
    public bool AllowsSubscribe(ReadOnlySpan<byte> topicFilter) => _document.Subscribe.Allow(topicFilter, _values);

    public bool AllowsReceive(ReadOnlySpan<byte> topicName) => _document.Receive.Allow(topicName, _values);
}
