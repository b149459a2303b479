using System.Globalization;
using Fleet.Mqtt;

namespace Fleet.SimulationTests.Gateways;

/// <summary>An application message, and what its publisher knows of it.</summary>
/// <param name="publisher">A client, for as long as its session lasts.</param>
/// <param name="sequence">Grows with each message of the publisher.</param>
/// <param name="sentAt">In the world's order of events.</param>
internal sealed class SimulatedMessage(int number, string publisher, int sequence, string topic, Qos qos, bool isRetained, long sentAt)
{
    public string Publisher => publisher;
    public int Sequence => sequence;
    public string Topic => topic;
    public Qos Qos => qos;
    public bool IsRetained => isRetained;
    public long SentAt => sentAt;
    public string Payload { get; } = number.ToString(CultureInfo.InvariantCulture);

    /// <summary>How often it went out to a gateway.</summary>
    public int Sends { get; set; }

    /// <summary>
    /// Its publisher's gateway died before it was acknowledged: those who had it by then may have it twice (docs/gateways.md).
    /// </summary>
    public bool MayRepeat { get; set; }

    /// <summary>When PUBACK or PUBREC has come, and was no refusal, in the world's order of events; null: it has not.</summary>
    public long? AcknowledgedAt { get; set; }

    public bool IsAcknowledged => AcknowledgedAt is not null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{publisher}:{topic}:{sequence}");
}

/// <summary>What a client has had in the life of one session.</summary>
internal sealed class Inbox(string owner, bool isPersistent)
{
    private readonly Dictionary<(string Publisher, string Topic), int> _last = [];

    public string Owner => owner;

    /// <summary>Its session outlives its connections, and its client has not begun another.</summary>
    public bool IsPersistent { get; set; } = isPersistent;

    /// <summary>When SUBACK came for each filter, in the world's order of events.</summary>
    public Dictionary<string, long> Subscribed { get; } = new(StringComparer.Ordinal);
    public HashSet<SimulatedMessage> Received { get; } = [];

    /// <summary>
    /// When it was last seen at a gateway that died since, in the world's order of events. What was not acknowledged to its publisher then
    /// may come twice (docs/gateways.md).
    /// </summary>
    public long? RescuedFrom { get; set; }

    public bool IsOwed(SimulatedMessage message) =>
        message is { IsAcknowledged: true, Qos: not Qos.AtMostOnce } && IsSubscribedBefore(message);

    private bool IsSubscribedBefore(SimulatedMessage message) =>
        Subscribed.TryGetValue(message.Topic, out long at) && at < message.SentAt;

    /// <param name="mayBeRefused">
    /// Gateways may refuse a message for a while. One whose refusal was lost goes out again, after others.
    /// </param>
    /// <returns>What is wrong with it; null: nothing.</returns>
    public string? Receive(SimulatedMessage message, Qos qos, bool isRepeat, bool mayBeRefused)
    {
        if (!Received.Add(message))
        {
            if (RescuedFrom is { } from && !(message.AcknowledgedAt < from)) return null;
            return qos == Qos.ExactlyOnce ? message.MayRepeat ? null : $"{owner} is given {message} twice"
                : qos == Qos.AtLeastOnce && !isRepeat && message.Sends == 1 ? $"{owner} is given {message} again without DUP" : null;
        }
        // Members of a shared subscription have no order among them (4.8.2). What was published before it subscribed, it gets if that goes
        // out again.
        if (qos == Qos.AtMostOnce || message.Topic == Topics.Shared || !IsSubscribedBefore(message)) return null;
        int last = _last.GetValueOrDefault((message.Publisher, message.Topic), -1);
        _last[(message.Publisher, message.Topic)] = Math.Max(last, message.Sequence);
        return last < message.Sequence || (mayBeRefused && message.Sends > 1) ? null : $"{owner} is given {message} after sequence {last}";
    }
}

/// <summary>All that was published, and what every client has had.</summary>
internal sealed class Ledger
{
    private readonly List<SimulatedMessage> _messages = [];

    public List<Inbox> Inboxes { get; } = [];

    public IReadOnlyList<SimulatedMessage> Messages => _messages;

    public SimulatedMessage Add(string publisher, int sequence, string topic, bool isRetained, long at)
    {
        var message = new SimulatedMessage(_messages.Count, publisher, sequence, topic, Topics.QosOf(topic), isRetained, at);
        _messages.Add(message);
        return message;
    }

    public SimulatedMessage Find(string payload) => _messages[int.Parse(payload, CultureInfo.InvariantCulture)];

    /// <summary>What has been acknowledged to its publisher, and has not come where it is owed; null: nothing.</summary>
    public string? FirstLost()
    {
        foreach (var inbox in Inboxes.Where(inbox => inbox.IsPersistent))
        {
            if (_messages.Find(message => inbox.IsOwed(message) && !inbox.Received.Contains(message)) is { } lost)
                return $"{inbox.Owner} has never had {lost}, which was acknowledged";
        }
        Inbox[] members = [.. Inboxes.Where(inbox => inbox.Subscribed.ContainsKey(Topics.SharedFilter))];
        if (members.Length == 0 || !members.All(inbox => inbox.IsPersistent)) return null;
        long since = members.Min(inbox => inbox.Subscribed[Topics.SharedFilter]);
        var missing = _messages.Find(message => message.Topic == Topics.Shared && message.IsAcknowledged && message.SentAt > since
            && !members.Any(inbox => inbox.Received.Contains(message)));
        return missing is null ? null : $"No member of the shared subscription has had {missing}, which was acknowledged";
    }
}
