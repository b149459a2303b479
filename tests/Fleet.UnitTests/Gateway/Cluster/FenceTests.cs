using Fleet.Gateway.Directory;
using Fleet.Gateway.Links;
using Fleet.Gateway.Sessions;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Cluster;

/// <summary>What becomes true while a CONNECT is being authorised.</summary>
public sealed class FenceTests
{
    private static readonly string Certificate = new('a', 64);

    private readonly GatewayParts _parts = new();

    [Fact]
    public void A_connection_that_was_overtaken_elsewhere_gets_no_session()
    {
        Assert.Null(_parts.SessionHandoff.TakeOver("amr-1", epoch: new(8), discard: false));
        Assert.Contains("newer connection", Attach(Identity(epoch: 7)), StringComparison.Ordinal);
        Assert.Null(Attach(Identity(epoch: 8)));
    }

    [Fact]
    public void A_certificate_that_was_revoked_meanwhile_gets_no_session()
    {
        Assert.True(CertificateId.TryParse(Certificate, out var id));
        _parts.Directory.EndSessionsOf(id);
        Assert.Contains("no longer good", Attach(Identity(epoch: 1)), StringComparison.Ordinal);
        // Whoever was let in after that was let in by a certificate grain that knows.
        _parts.Time.Advance(TimeSpan.FromSeconds(61));
        _parts.Fences.Sweep(_parts.Clock.NowMs);
        Assert.Null(Attach(Identity(epoch: 1)));
    }

    [Fact]
    public void A_connection_that_began_under_the_gateway_s_last_id_gets_no_session()
    {
        var identity = Identity(epoch: 1);
        _parts.Gateway.Renew();
        Assert.Contains("begins anew", Attach(identity), StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_s_filters_are_one_route()
    {
        Assert.Equal("$aws/things/amr-1/#", Routes.Widen(TopicFilter.Parse("$aws/things/amr-1/jobs/notify-next")));
        Assert.Equal("$aws/things/amr-1/#", Routes.Widen(TopicFilter.Parse("$aws/things/amr-1/shadow/+/accepted")));
        foreach (string filter in new[] { "$aws/things/+/jobs/notify", "$aws/things/#", "$aws/things/amr-1", "$share/g/$aws/things/amr-1/x", "fleet/amr-1/x", "#" })
            Assert.Equal(filter, Routes.Widen(TopicFilter.Parse(filter)));
    }

    private SessionIdentity Identity(long epoch)
    {
        var template = GatewayParts.Device("amr-1", Certificate);
        return new SessionIdentity
        {
            Kind = template.Kind,
            ClientId = template.ClientId,
            ConnectionId = template.ConnectionId,
            Policy = template.Policy,
            RemoteAddress = template.RemoteAddress,
            Thing = template.Thing,
            Certificate = template.Certificate,
            GatewayId = _parts.Gateway.Id,
            Epoch = new(epoch),
        };
    }

    /// <returns>Why not; null if it got its session.</returns>
    private string? Attach(SessionIdentity identity)
    {
        var attached = _parts.Directory.Attach(new Nobody(), identity, new SessionTerms(true, 0, 10, null), _parts.Clock.NowMs, out var refusal);
        Assert.Equal(attached is null, refusal is not null);
        return refusal?.Detail;
    }

    private sealed class Nobody : ISessionConnection
    {
        public bool IsHeld => false;

        public void Wake() { }

        public void End(EndCause cause) { }
    }
}
