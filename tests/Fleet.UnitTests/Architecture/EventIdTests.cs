using System.Reflection;
using Microsoft.Extensions.Logging;

namespace Fleet.UnitTests.Architecture;

/// <summary>The documentation names log messages by their event id alone.</summary>
public sealed class EventIdTests
{
    private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    [Fact]
    public void No_event_id_is_given_twice()
    {
        var messages = (
            from name in (string[])["Fleet.Silo", "Fleet.Gateway", "Fleet.Grains", "Fleet.GrainInterfaces", "Fleet.Mqtt", "Fleet.DeviceSim"]
            from type in Assembly.Load(name).GetTypes()
            from method in type.GetMethods(All)
            let message = method.GetCustomAttribute<LoggerMessageAttribute>()
            where message is not null
            select (message.EventId, Name: $"{type.Name}.{method.Name}")).ToList();
        Assert.Contains(messages, message => message.EventId == 3001);
        Assert.Empty(messages.GroupBy(message => message.EventId, message => message.Name).Where(same => same.Count() > 1)
            .Select(same => $"{same.Key}: {string.Join(", ", same)}"));
    }
}
