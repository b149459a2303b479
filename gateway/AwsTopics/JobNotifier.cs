using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Routing;
using Fleet.Interfaces.Jobs;
using Fleet.Mqtt;

namespace Fleet.Gateway.AwsTopics;

/// <summary>Publishes jobs/notify and jobs/notify-next as ordinary messages: spec/aws-iot-topics.md, 2.6.</summary>
internal sealed class JobNotifier(Broker broker, JobMessages messages)
{
    public void Publish(JobNotification notification)
    {
        string prefix = $"$aws/things/{notification.Thing}/jobs";
        if (notification.Pending is { } pending) Publish($"{prefix}/notify", JobMessages.Notify(pending, notification.At));
        if (notification.SendNext) Publish($"{prefix}/notify-next", messages.NotifyNext(notification.Next, notification.At));
    }

    private void Publish(string topic, ReadOnlyMemory<byte> payload) =>
        _ = broker.Publish(new Publication(Encoding.UTF8.GetBytes(topic), payload, Qos.AtLeastOnce));
}
