using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Telemetry;
using Fleet.UnitTests.Support;

namespace Fleet.UnitTests.Gateway.Auth;

public sealed class ConnectAdmissionTests
{
    private static readonly IPAddress Site = IPAddress.Parse("192.0.2.1"), Other = IPAddress.Parse("192.0.2.2"),
        Third = IPAddress.Parse("192.0.2.3"), Fourth = IPAddress.Parse("192.0.2.4");

    [Fact]
    public void A_storm_is_let_in_at_the_rate_and_not_above_it()
    {
        var parts = Create(rate: 100);
        // The last tenth is for others.
        Assert.Equal(90, Admitted(parts, Site, 20_000));
        int later = 0;
        for (int i = 0; i < 100; i++)
        {
            parts.Time.Advance(TimeSpan.FromMilliseconds(100));
            later += Admitted(parts, Site, 1_000);
        }
        // The first of a second may take from that.
        Assert.InRange(later, 1_000, 1_001);
    }

    [Fact]
    public void When_slots_run_short_the_longest_silent_of_the_address_with_most_is_closed_and_the_newcomer_is_in()
    {
        var admission = Create(rate: 1_000, opening: 3).Admission;
        Holder[] holders = [.. new[] { Other, Site, Site }.Select(address => new Holder(admission.TryAdmit(address, Handshake)!))];
        var fourth = admission.TryAdmit(Fourth, Handshake);
        Assert.NotNull(fourth);
        Assert.Equal([false, true, false], holders.Select(holder => holder.IsClosed));
        Assert.Equal(3, admission.Opening(Handshake));
        // Twice is once; and who has lost its slot has none to give back.
        holders[0].Pass.Release();
        holders[0].Pass.Release();
        holders[1].Pass.Release();
        Assert.Equal(2, admission.Opening(Handshake));
        Assert.False(holders[1].Pass.TryEnter(OpeningStage.Connect));
    }

    [Fact]
    public void Nobody_makes_room_who_waits_for_the_gateway()
    {
        var admission = Create(rate: 1_000, opening: 3).Admission;
        Holder[] holders = [.. new[] { Site, Other, Third }.Select(address => new Holder(admission.TryAdmit(address, Handshake)!))];
        foreach (var holder in holders) holder.Pass.Work();
        Assert.Null(admission.TryAdmit(Fourth, Handshake));
        holders[2].Pass.Wait();
        Assert.NotNull(admission.TryAdmit(Fourth, Handshake));
        Assert.Equal([false, false, true], holders.Select(holder => holder.IsClosed));
    }

    [Fact]
    public void Each_stage_has_slots_of_its_own()
    {
        var admission = Create(rate: 1_000, opening: 2).Admission;
        Holder[] connecting = [.. new[] { Site, Other }.Select(address => new Holder(admission.TryAdmit(address, OpeningStage.Connect)!))];
        var shaking = new Holder(admission.TryAdmit(Site, Handshake)!);
        Assert.NotNull(admission.TryAdmit(Site, Handshake));
        Assert.True(shaking.Pass.TryEnter(OpeningStage.Connect));
        Assert.Equal([true, false], connecting.Select(holder => holder.IsClosed));
        Assert.Equal((1, 2), (admission.Opening(Handshake), admission.Opening(OpeningStage.Connect)));
    }

    [Fact]
    public void While_all_CONNECTs_wait_for_the_gateway_nobody_is_let_in_to_wait_too()
    {
        var admission = Create(rate: 1_000, opening: 2).Admission;
        foreach (var address in new[] { Site, Other }) admission.TryAdmit(address, OpeningStage.Connect)!.Work();
        Assert.Null(admission.TryAdmit(Third, Handshake));
    }

    [Fact]
    public void The_header_s_address_takes_over_and_a_known_proxy_s_sockets_do_not_make_room()
    {
        var parts = Create(rate: 1_000, opening: 20);
        var admission = parts.Admission;
        var header = admission.TryAwaitHeader(Site)!;
        var client = new Holder(admission.TryAdmitBehind(header, Other, Handshake)!);
        Assert.Equal((0, 1), (admission.Opening(OpeningStage.ProxyHeader), admission.Opening(Handshake)));
        Holder[] proxys = [.. Enumerable.Range(0, 5).Select(_ => new Holder(admission.TryAwaitHeader(Site)!))];
        Holder[] strangers = [.. Enumerable.Range(1, 40).Select(i => new Holder(admission.TryAwaitHeader(new IPAddress(i << 24))!))];
        Assert.DoesNotContain(true, proxys.Select(holder => holder.IsClosed));
        Assert.Equal(25, strangers.Count(holder => holder.IsClosed));
        Assert.NotNull(admission.TryAwaitHeader(Site));
        Assert.False(client.IsClosed);
    }

    [Fact]
    public void Each_stage_says_how_many_are_in_it()
    {
        var parts = Create(rate: 1_000);
        for (int i = 0; i < 5; i++) parts.Admission.TryAdmit(Site, Handshake);
        parts.Admission.TryAwaitHeader(Site);
        string[] said = [.. parts.MeterFactory.Read(GatewayMetrics.MeterName).Where(line => line.Contains("opening", StringComparison.Ordinal))];
        Assert.Equal(
            [
                "mqtt.server.connections.opening connect = 0", "mqtt.server.connections.opening proxyHeader = 1",
                "mqtt.server.connections.opening tlsHandshake = 5",
            ], said);
    }

    [Fact]
    public void One_address_cannot_use_up_what_others_need()
    {
        var parts = Create(rate: 100);
        Assert.Equal(1, Admitted(parts, Other, 1));
        int flood = Admitted(parts, Site, 10_000);
        Assert.InRange(flood, 45, 55);
        Assert.Equal(40, Admitted(parts, Other, 40));
    }

    [Theory, InlineData("2001:db8::"), InlineData("::ffff:192.0.2.1")]
    public void The_addresses_of_one_host_are_one(string host)
    {
        var parts = Create(rate: 100);
        Assert.Equal(1, Admitted(parts, Other, 1));
        var network = IPAddress.Parse(host);
        int flood = Enumerable.Range(0, 10_000).Count(i => parts.Admission.TryAdmit(
            network.IsIPv4MappedToIPv6 ? i % 2 == 0 ? network : Site : IPAddress.Parse($"2001:db8::{i:x}"), Handshake) is not null);
        Assert.InRange(flood, 45, 55);
    }

    [Fact]
    public void The_rate_falls_while_decisions_take_long_and_comes_back_after()
    {
        var admission = Create(rate: 1_000).Admission;
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
        var admission = Create(rate: 900).Admission;
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
        var admission = Create(rate: 1_000).Admission;
        for (int i = 0; i < 50; i++) admission.Decided(TimeSpan.FromMilliseconds(5));
        admission.Decided(TimeSpan.FromSeconds(6));
        admission.Adapt(TimeSpan.Zero);
        Assert.Equal(1_000, admission.Rate);
    }

    [Fact]
    public void A_sweep_that_comes_late_lowers_it_too()
    {
        var admission = Create(rate: 900).Admission;
        admission.Adapt(TimeSpan.FromSeconds(3));
        Assert.Equal(600, admission.Rate);
    }

    private const OpeningStage Handshake = OpeningStage.TlsHandshake;

    private static GatewayParts Create(int rate, int opening = 1_000_000) => new(options =>
    {
        options.Admission.ConnectRate = rate;
        options.Admission.MaxAwaitingProxyHeader = opening;
        options.Admission.MaxOpeningConnections = opening;
        options.Admission.MaxAwaitingConnect = opening;
    });

    private static int Admitted(GatewayParts parts, IPAddress address, int tries) =>
        Enumerable.Range(0, tries).Count(_ => parts.Admission.TryAdmit(address, Handshake) is not null);

    /// <summary>Hears that its slot is another's.</summary>
    private sealed class Holder : IOpening
    {
        public Holder(AdmissionPass pass)
        {
            Pass = pass;
            pass.HeldBy(this);
        }

        public AdmissionPass Pass { get; }
        public bool IsClosed { get; private set; }

        public void Close() => IsClosed = true;
    }
}
