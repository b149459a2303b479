using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Messages;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;

namespace Fleet.Gateway.Directory;

/// <summary>A session as the store has it: who its client is, and what is to happen when it stays away.</summary>
internal sealed class SessionSnapshots(PolicySource policies, GatewayClock clock)
{
    /// <summary>Notes a session as it is. Under the directory's lock.</summary>
    /// <returns>Where it is as durable as it ever will be.</returns>
    public JournalPosition Note(Session session, int maybeSent)
    {
        if (session.Stored is not { } stored) return JournalPosition.LongAgo;
        var identity = session.Identity;
        return stored.Put(new SessionRow
        {
            Id = stored.Id,
            Key = identity.Key,
            Epoch = identity.Epoch,
            Kind = NameOf(identity.Kind),
            ClientId = identity.ClientId,
            ConnectionId = identity.ConnectionId,
            RemoteAddress = identity.RemoteAddress,
            Gateway = identity.GatewayId,
            Thing = identity.Thing?.Value,
            Certificate = identity.Certificate?.Value,
            Operator = identity.Operator,
            Template = identity.Template,
            ExpirySeconds = session.ExpirySeconds,
            DisconnectedAt = session.ExpiresAt is { } at ? clock.ToUtc(at - (session.ExpirySeconds * 1000L)) : null,
            MaybeSent = maybeSent,
            Will = session.Will is { } will ? JsonSerializer.Serialize(Of(will), SnapshotJson.Default.StoredWill) : null,
        });
    }

    /// <summary>
    /// Enough of an identity to judge what the session may receive while its client is away; the client's next CONNECT brings a whole one.
    /// </summary>
    public SessionIdentity IdentityOf(SessionRow row)
    {
        var kind = Enum.Parse<SessionKind>(row.Kind, ignoreCase: true);
        ThingName? thing = ThingName.TryParse(row.Thing, out var name) ? name : null;
        CertificateId? certificate = CertificateId.TryParse(row.Certificate, out var id) ? id : null;
        return new SessionIdentity
        {
            Kind = kind,
            ClientId = row.ClientId,
            ConnectionId = row.ConnectionId,
            Policy = SessionPolicy.Fill(
                policies.Of(kind), SessionIdentity.PolicyVariables(row.ClientId, row.RemoteAddress, thing, row.Template)),
            RemoteAddress = row.RemoteAddress,
            Thing = thing,
            Certificate = certificate,
            Operator = row.Operator,
            Template = row.Template,
            GatewayId = row.Gateway,
            Epoch = row.Epoch,
        };
    }

    /// <summary>The will of a session whose connection ended, with this process at the latest; null if it has none.</summary>
    public Will? WillOf(SessionRow row)
    {
        if (row.Will is null || JsonSerializer.Deserialize(row.Will, SnapshotJson.Default.StoredWill) is not { } will) return null;
        var message = new Publication(Encoding.UTF8.GetBytes(will.Topic), will.Payload, (Qos)will.Qos, will.Retain, will.Properties);
        long due = will.DueAt is { } at ? clock.NowMs + (long)(at - clock.UtcNow).TotalMilliseconds
            : SessionEndRules.DueOf(will.DelaySeconds, row.ExpirySeconds, clock.NowMs);
        return new Will(message, will.DelaySeconds, will.ExpirySeconds) { DueAt = due };
    }

    private StoredWill Of(Will will) => new(
        Encoding.UTF8.GetString(will.Message.Topic), will.Message.Payload.ToArray(), (byte)will.Message.Qos, will.Message.Retain,
        will.Message.Properties.ToArray(), will.DelaySeconds, will.ExpirySeconds, will.DueAt is { } due ? clock.ToUtc(due) : null);

    private static string NameOf(SessionKind kind) => kind switch
    {
        SessionKind.Device => "device",
        SessionKind.Claim => "claim",
        SessionKind.Operator => "operator",
        _ => "plain",
    };
}

/// <param name="DueAt">Null while the connection lives.</param>
internal sealed record StoredWill(
    string Topic, byte[] Payload, byte Qos, bool Retain, byte[] Properties, uint DelaySeconds, uint? ExpirySeconds, DateTimeOffset? DueAt);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(StoredWill))]
internal sealed partial class SnapshotJson : JsonSerializerContext;
