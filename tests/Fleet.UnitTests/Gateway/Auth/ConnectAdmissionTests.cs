using System.Net;
using Fleet.Gateway.Auth;

namespace Fleet.UnitTests.Gateway.Auth;

public sealed class ConnectAdmissionTests
{
    private static readonly IPAddress Site = IPAddress.Parse("192.0.2.1"), Other = IPAddress.Parse("192.0.2.2"),
        Third = IPAddress.Parse("192.0.2.3"), Fourth = IPAddress.Parse("192.0.2.4");

    private long _now = 1_000_000;

    [Fact]
    public void A_storm_is_let_in_at_the_rate_and_not_above_it()
    {
        var admission = Create(rate: 100);
        // The last tenth is for others.
        Assert.Equal(90, Admitted(admission, Site, 20_000));
        int later = 0;
        for (int i = 0; i < 100; i++)
        {
            _now += 100;
            later += Admitted(admission, Site, 1_000);
        }
        // The first of a second may take from that.
        Assert.InRange(later, 1_000, 1_001);
    }

    [Fact]
    public void Too_many_half_open_connections_let_nobody_in_until_they_are_released()
    {
        var admission = Create(rate: 1_000, opening: 3);
        AdmissionPass[] passes = [.. new[] { Site, Other, Third }.Select(address => admission.TryAdmit(address, _now)!)];
        Assert.Null(admission.TryAdmit(Fourth, _now));
        passes[0].Release();
        passes[0].Release();   // Twice is once.
        Assert.NotNull(admission.TryAdmit(Fourth, _now));
        Assert.Null(admission.TryAdmit(Site, _now));
    }

    [Fact]
    public void One_address_cannot_use_up_what_others_need()
    {
        var admission = Create(rate: 100);
        Assert.Equal(1, Admitted(admission, Other, 1));
        int flood = Admitted(admission, Site, 10_000);
        Assert.InRange(flood, 45, 55);
        Assert.Equal(40, Admitted(admission, Other, 40));
    }

    [Fact]
    public void The_addresses_of_one_IPv6_host_are_one()
    {
        var admission = Create(rate: 100);
        Assert.Equal(1, Admitted(admission, Other, 1));
        int flood = Enumerable.Range(0, 10_000).Count(i => admission.TryAdmit(IPAddress.Parse($"2001:db8::{i:x}"), _now) is not null);
        Assert.InRange(flood, 45, 55);
    }

    [Fact]
    public void The_rate_falls_while_decisions_take_long_and_comes_back_after()
    {
        var admission = Create(rate: 1_000);
        for (int second = 0; second < 30; second++)
        {
            for (int i = 0; i < 100; i++) admission.Decided(TimeSpan.FromSeconds(5));
            admission.Adapt(TimeSpan.Zero);
        }
        Assert.Equal(20, admission.Rate);
        for (int second = 0; second < 15; second++) admission.Adapt(TimeSpan.Zero);
        Assert.Equal(1_000, admission.Rate);
    }

    [Fact]
    public void Handshakes_that_wait_for_their_turn_lower_it_too_until_they_wait_no_more()
    {
        var admission = Create(rate: 900);
        for (int i = 0; i < 100; i++) admission.Queued(milliseconds: 4_000);
        admission.Adapt(TimeSpan.Zero);
        Assert.Equal(600, admission.Rate);
        for (int i = 0; i < 100; i++) admission.Queued(milliseconds: 100);
        for (int second = 0; second < 4; second++) admission.Adapt(TimeSpan.Zero);
        Assert.Equal(900, admission.Rate);
    }

    [Fact]
    public void One_slow_decision_among_many_lowers_nothing()
    {
        var admission = Create(rate: 1_000);
        for (int i = 0; i < 50; i++) admission.Decided(TimeSpan.FromMilliseconds(5));
        admission.Decided(TimeSpan.FromSeconds(6));
        admission.Adapt(TimeSpan.Zero);
        Assert.Equal(1_000, admission.Rate);
    }

    [Fact]
    public void A_sweep_that_comes_late_lowers_it_too()
    {
        var admission = Create(rate: 900);
        admission.Adapt(TimeSpan.FromSeconds(3));
        Assert.Equal(600, admission.Rate);
    }

    private static ConnectAdmission Create(int rate, int opening = 1_000_000)
    {
        var parts = new GatewayParts(options => (options.Admission.ConnectRate, options.Admission.MaxOpeningConnections) = (rate, opening));
        return parts.Admission;
    }

    private int Admitted(ConnectAdmission admission, IPAddress address, int tries) =>
        Enumerable.Range(0, tries).Count(_ => admission.TryAdmit(address, _now) is not null);
}
