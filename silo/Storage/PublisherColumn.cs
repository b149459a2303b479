using Fleet.Gateway.Rules;

namespace Fleet.Silo.Storage;

/// <summary>
/// The column <c>client_id</c> of rules' messages: the client id, and before it, if the publisher goes by another name, that name and a
/// line feed. So the publisher stays with its message wherever that is copied to.
/// </summary>
internal static class PublisherColumn
{
    public static string? Of(RuleMessage message) => message.ClientId is null || message.ClientId == message.Publisher
        ? message.ClientId : $"{message.Publisher}\n{message.ClientId}";

    public static string? ClientIdOf(string? column) => column?[(column.IndexOf('\n') + 1)..];
}
