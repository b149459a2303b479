using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;

namespace Fleet.Gateway.Auth;

/// <summary>Who a client has shown to be.</summary>
internal sealed record Client(SessionKind Kind)
{
    public CertificateId? Certificate { get; init; }
    public ThingName? Thing { get; init; }
    public string? Template { get; init; }
    public string? Operator { get; init; }
}

/// <summary>Who connects: by certificate, by password, or nobody in particular, as the listener has it.</summary>
internal sealed class ClientAuthenticator(IGrainFactory grains, IPasswordAuthenticator passwords, GatewayClock clock)
{
    /// <returns>The client, or why it is refused: one of the two.</returns>
    public async ValueTask<(Client?, ConnectDecision.Refused?)> Authenticate(ConnectRequest request, ConnectionSource source) =>
        source.Listener switch
        {
            Listener.Mqtts => await ByCertificate(request, source),
            Listener.WebSocket => await ByPassword(request, source),
            _ => (new Client(SessionKind.Plain), null),
        };

    private async Task<(Client?, ConnectDecision.Refused?)> ByCertificate(ConnectRequest request, ConnectionSource source)
    {
        if (source.Certificate is not { } id) return Deny("there is no client certificate.");
        var certificate = await grains.GetGrain<ICertificateGrain>(id.Value).Get();
        if (certificate is null) return Deny($"certificate {id} was not issued here.");
        if (certificate.Status != CertificateStatus.Active) return Deny($"certificate {id} is {certificate.Status}.");
        if (clock.UtcNow >= certificate.NotAfter) return Deny($"certificate {id} has expired.");
        if (certificate.Kind == CertificateKind.Claim)
            return (new Client(SessionKind.Claim) { Certificate = id, Template = certificate.Template }, null);
        if (certificate.Thing is not { } thing) return Deny($"certificate {id} belongs to no thing.");
        if (request.ClientId != thing.Value) return Deny($"the client id must be the thing name '{thing}'.");
        return (new Client(SessionKind.Device) { Certificate = id, Thing = thing }, null);
    }

    private async Task<(Client?, ConnectDecision.Refused?)> ByPassword(ConnectRequest request, ConnectionSource source)
    {
        string? name = request is { UserName: { } user, Password: { } password }
            ? await passwords.Authenticate(user, password, CancellationToken.None) : null;
        if (name is not null) return (new Client(SessionKind.Operator) { Operator = name }, null);
        string detail = $"User name and password from {source.RemoteAddress} are not good.";
        return (null, new ConnectDecision.Refused(ReasonCode.BadUserNameOrPassword, detail));
    }

    private static (Client?, ConnectDecision.Refused?) Deny(string why) => (null, ConnectDecision.Refused.NotAuthorised(why));
}
