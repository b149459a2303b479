using System.Diagnostics.Metrics;
using Fleet.Interfaces.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Telemetry;

internal enum DropReason
{
    /// <summary>QoS 0 and the subscriber is away.</summary>
    Offline,
    QueueFull,
    Expired,

    /// <summary>Larger than the client's Maximum Packet Size [MQTT-3.1.2-25].</summary>
    TooLarge,

    /// <summary>A fault of ours, with a subscriber or with a frame from another gateway.</summary>
    Fault,
}

/// <summary>A limit that a retained message does not fit.</summary>
internal enum RetainedLimit { Messages, Bytes, PrincipalMessages, PrincipalBytes }

internal enum DeniedAction { Connect, Publish, Subscribe, Receive, Download }

/// <summary>Where a connection is before it is served.</summary>
internal enum OpeningStage
{
    /// <summary>Its PROXY protocol header has not come.</summary>
    ProxyHeader,
    TlsHandshake,

    /// <summary>CONNECT has not come, or is not answered.</summary>
    Connect,
}

/// <summary>What the gateway counts; meter "Fleet.Gateway". Tags come from small closed sets.</summary>
internal sealed class GatewayMetrics
{
    public const string MeterName = "Fleet.Gateway";

    private static readonly KeyValuePair<string, object?>[] QosTags = [new("mqtt.qos", 0), new("mqtt.qos", 1), new("mqtt.qos", 2)];
    private static readonly KeyValuePair<string, object?>[] KindTags = ClosedSeries.TagsOf<SessionKind>("fleet.session.kind");
    private static readonly KeyValuePair<string, object?>[] DropTags = ClosedSeries.TagsOf<DropReason>("reason");
    private static readonly KeyValuePair<string, object?>[] LimitTags = ClosedSeries.TagsOf<RetainedLimit>("limit");
    private static readonly KeyValuePair<string, object?>[] DenyTags = ClosedSeries.TagsOf<DeniedAction>("action");
    private static readonly KeyValuePair<string, object?>[] StageTags = ClosedSeries.TagsOf<OpeningStage>("stage");

    private readonly UpDownCounter<long> _connections, _sessions;
    private readonly StripedCounter[] _received = [new(), new(), new()], _sent = [new(), new(), new()];
    private readonly StripedCounter _bytesReceived = new(), _bytesSent = new();
    private readonly Counter<long> _denied, _dropped, _notRetained, _takeovers, _paced, _forwarded, _notAdmitted, _openingClosed;
    private readonly Counter<long> _blocks, _blockBytes, _cacheHits, _cacheMisses, _downloadBytes;
    private readonly Histogram<double> _ack;
    private readonly Meter _meter;

    public GatewayMetrics(IMeterFactory meters)
    {
        var meter = _meter = meters.Create(MeterName);
        _connections = meter.CreateUpDownCounter<long>(
            "mqtt.server.connections", "{connection}", "Open transport connections.").StartedAtZero();
        _sessions = meter.CreateUpDownCounter<long>(
            "mqtt.server.sessions", "{session}", "Sessions with a connection, by kind.").StartedAtZero(KindTags);
        meter.CreateObservableCounter("mqtt.server.message.received", () => ByQos(_received), "{message}", "PUBLISH packets received.");
        meter.CreateObservableCounter("mqtt.server.message.sent", () => ByQos(_sent), "{message}", "PUBLISH packets sent.");
        meter.CreateObservableCounter("mqtt.server.received", () => _bytesReceived.Value, "By", "Bytes of MQTT received.");
        meter.CreateObservableCounter("mqtt.server.sent", () => _bytesSent.Value, "By", "Bytes of MQTT sent.");
        _denied = meter.CreateCounter<long>("mqtt.server.denied", "{request}", "What policies denied.").StartedAtZero(DenyTags);
        _dropped = meter.CreateCounter<long>(
            "mqtt.server.message.dropped", "{message}", "Messages that a subscriber did not get.").StartedAtZero(DropTags);
        _notRetained = meter.CreateCounter<long>(
            "mqtt.server.retained.refused", "{message}", "Retained messages that were over a limit.").StartedAtZero(LimitTags);
        _takeovers = meter.CreateCounter<long>(
            "mqtt.server.takeovers", "{session}", "Connections that lost their client id to a newer one.").StartedAtZero();
        _paced = meter.CreateCounter<long>(
            "mqtt.server.publish.paced", "{pause}", "Pauses of clients that publish faster than they may.").StartedAtZero();
        _notAdmitted = meter.CreateCounter<long>(
            "mqtt.server.connections.not_admitted", "{connection}", "Connections closed at once: over the rate, or too many opening.")
            .StartedAtZero();
        _openingClosed = meter.CreateCounter<long>(
            "mqtt.server.connections.opening_closed", "{connection}", "Silent connections closed before CONNECT to make room for others.")
            .StartedAtZero(StageTags);
        _forwarded = meter.CreateCounter<long>(
            "fleet.gateway.forwarded", "{message}", "Messages sent on to another gateway.").StartedAtZero();
        _blocks = meter.CreateCounter<long>("fleet.stream.blocks", "{block}", "Blocks of firmware served over MQTT.").StartedAtZero();
        _blockBytes = meter.CreateCounter<long>("fleet.stream.served", "By", "Bytes of firmware served over MQTT.").StartedAtZero();
        _cacheHits = meter.CreateCounter<long>("fleet.block_cache.hits", "{read}", "Reads that the block cache answered.").StartedAtZero();
        _cacheMisses = meter.CreateCounter<long>(
            "fleet.block_cache.misses", "{read}", "Reads that went to the blob store.").StartedAtZero();
        _downloadBytes = meter.CreateCounter<long>("fleet.download.served", "By", "Bytes of firmware served over HTTP.").StartedAtZero();
        _ack = meter.CreateHistogram<double>("mqtt.server.ack.duration", "s", "From reading a QoS 1 PUBLISH to writing its PUBACK.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
            });
    }

    public void ConnectionOpened() => _connections.Add(1);
    public void ConnectionClosed() => _connections.Add(-1);
    public void SessionOpened(SessionKind kind) => _sessions.Add(1, KindTags[(int)kind]);
    public void SessionClosed(SessionKind kind) => _sessions.Add(-1, KindTags[(int)kind]);
    public void TakenOver() => _takeovers.Add(1);
    public void Paced() => _paced.Add(1);
    public void NotAdmitted() => _notAdmitted.Add(1);
    /// <param name="count">How many connections are in a stage.</param>
    public void ShowOpening(Func<OpeningStage, int> count) => _meter.CreateObservableGauge(
        "mqtt.server.connections.opening", () => StageTags.Select((tag, stage) => new Measurement<int>(count((OpeningStage)stage), tag)),
        "{connection}", "Connections that are not served yet, by what they wait for.");

    public void OpeningClosed(OpeningStage stage) => _openingClosed.Add(1, StageTags[(int)stage]);
    public void Forwarded() => _forwarded.Add(1);
    public void Received(Qos qos) => _received[(int)qos].Add(1);
    public void Sent(Qos qos) => _sent[(int)qos].Add(1);
    public void BytesReceived(long bytes) => _bytesReceived.Add(bytes);
    public void BytesSent(long bytes) => _bytesSent.Add(bytes);
    public bool AckDurationEnabled => _ack.Enabled;
    public void Acknowledged(TimeSpan duration) => _ack.Record(duration.TotalSeconds);
    public void NotRetained(RetainedLimit limit) => _notRetained.Add(1, LimitTags[(int)limit]);
    public void Denied(DeniedAction action) => _denied.Add(1, DenyTags[(int)action]);

    public void Dropped(DropReason reason, int count = 1)
    {
        if (count > 0) _dropped.Add(count, DropTags[(int)reason]);
    }

    public void BlockServed(int bytes)
    {
        _blocks.Add(1);
        _blockBytes.Add(bytes);
    }

    public void CacheHit() => _cacheHits.Add(1);
    public void CacheMiss() => _cacheMisses.Add(1);
    public void Downloaded(int bytes) => _downloadBytes.Add(bytes);

    private static IEnumerable<Measurement<long>> ByQos(StripedCounter[] counters)
    {
        for (int qos = 0; qos < counters.Length; qos++) yield return new(counters[qos].Value, QosTags[qos]);
    }
}
