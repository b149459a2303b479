using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.AwsTopics;

/// <summary>The connection that made a request, as the handlers of reserved topics see it.</summary>
/// <param name="identity">Fixed for the length of a connection, whoever has the session later.</param>
/// <param name="room">Completes when the network has taken enough of what was sent.</param>
internal sealed class Requester(Session session, SessionIdentity identity, ISessionConnection connection, Func<Task> room)
{
    public SessionIdentity Identity => identity;

    /// <summary>The streams that this connection may fetch, and until when: monotonic milliseconds.</summary>
    public Dictionary<string, long> Downloads { get; } = [];

    /// <summary>The best QoS this client asked for on a topic name; null: it has not subscribed.</summary>
    public Qos? SubscribedQos(string topic) => session.Subscriptions.BestQos(topic);

    /// <summary>
    /// Answers this connection and nobody else, subscribed or not (spec/aws-iot-topics.md, 2.1): at QoS 1 if it subscribed so, else 0.
    /// </summary>
    public void Answer(string topic, ReadOnlyMemory<byte> payload) =>
        Send(new Publication(Encoding.UTF8.GetBytes(topic), payload, Qos.AtLeastOnce), SubscribedQos(topic) ?? Qos.AtMostOnce);

    /// <summary>Hands a message over to this connection alone.</summary>
    public void Send(Publication message, Qos qos)
    {
        session.DeliverTo(connection, new Delivery(message, qos, retain: false));
        message.Release();
    }

    public Task Room() => room();
}
