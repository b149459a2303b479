using System.Text.Json;
using Fleet.Grains;
using Fleet.Grains.Certificates;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using static Fleet.UnitTests.Certificates.Certificates;

namespace Fleet.UnitTests.Certificates;

public sealed class ClaimCoreTests
{
    private readonly ClaimOptions _options = new() { MaxCertificates = 50, CertificatesPerSecond = 2, MaxPending = 30, PendingMinutes = 5 };
    private ClaimState _state = new();

    [Fact]
    public void Those_of_ten_seconds_come_at_once_and_then_as_many_as_the_rate_has()
    {
        Assert.Equal(20, Use(Noon));
        Assert.Equal(ClaimLimit.Rate, ClaimCore.WhyNot(_state, _options, Noon)!.Limit);
        Assert.Equal(2, Use(Noon.AddSeconds(1)));
        // What nobody uses is saved up to the ten seconds, and no further.
        _options.MaxPending = 100;
        Assert.Equal(20, Use(Noon.AddHours(1)));
    }

    [Fact]
    public void So_many_may_wait_for_their_device_and_one_that_is_registered_waits_no_more()
    {
        _options.CertificatesPerSecond = 100;
        Assert.Equal(30, Use(Noon));
        Assert.Equal(ClaimLimit.Pending, ClaimCore.WhyNot(_state, _options, Noon)!.Limit);
        _state = ClaimCore.Registered(_state, IdOf(0));
        Assert.Equal(1, Use(Noon));
        Assert.Equal((31, 30), (_state.Issued, ClaimCore.Use(_state, _options, Noon).Pending));
        Assert.Empty(ClaimCore.Abandoned(_state, Noon.AddMinutes(5).AddTicks(-1)));
        var abandoned = ClaimCore.Abandoned(_state, Noon.AddMinutes(5));
        Assert.Equal(30, abandoned.Length);
        // Before the sweep already: their time is up.
        Assert.Null(ClaimCore.WhyNot(_state, _options, Noon.AddMinutes(5)));
        Assert.Empty(ClaimCore.Swept(_state, abandoned).Pending);
    }

    [Fact]
    public void There_is_an_end_unless_an_operator_says_otherwise()
    {
        (_options.CertificatesPerSecond, _options.MaxPending) = (1_000, 1_000);
        Assert.Equal(50, Use(Noon));
        Assert.Equal(ClaimLimit.Total, ClaimCore.WhyNot(_state, _options, Noon.AddYears(1))!.Limit);
        _state = _state with { Limits = new ClaimLimits(MaxCertificates: 60, CertificatesPerSecond: null) };
        Assert.Equal(10, Use(Noon.AddHours(1)));
        Assert.Equal(new ClaimUse(60, 1_000, 60, 10), ClaimCore.Use(_state, _options, Noon.AddHours(1)));
        _state = _state with { Limits = new ClaimLimits(MaxCertificates: 0, CertificatesPerSecond: null) };
        Assert.Equal(ClaimLimit.Total, ClaimCore.WhyNot(_state, _options, Noon.AddYears(1))!.Limit);
    }

    [Fact]
    public void A_repeat_counts_once()
    {
        var once = ClaimCore.Issue(_state, IdOf(1), _options, Noon);
        Assert.Same(once, ClaimCore.Issue(once, IdOf(1), _options, Noon));
    }

    [Fact]
    public void It_is_stored_as_it_is()
    {
        Use(Noon);
        _state = _state with { Limits = new ClaimLimits(7, 8) };
        var read = JsonSerializer.Deserialize<ClaimState>(JsonSerializer.Serialize(_state, GrainStateJson.Options), GrainStateJson.Options)!;
        Assert.Equal((_state.Limits, _state.Issued, _state.SpentUntil), (read.Limits, read.Issued, read.SpentUntil));
        Assert.Equal(_state.Pending, read.Pending);
        Assert.Same(StringComparer.Ordinal, new ClaimState().Pending.KeyComparer);
    }

    /// <summary>Asks until it is refused.</summary>
    private int Use(DateTimeOffset now)
    {
        int before = _state.Issued;
        while (ClaimCore.WhyNot(_state, _options, now) is null) _state = ClaimCore.Issue(_state, IdOf(_state.Issued), _options, now);
        return _state.Issued - before;
    }

    private static CertificateId IdOf(int number) =>
        CertificateId.TryParse(number.ToString("x64", System.Globalization.CultureInfo.InvariantCulture), out var id)
            ? id : throw new ArgumentException($"{number}");
}
