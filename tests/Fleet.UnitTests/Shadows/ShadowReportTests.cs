using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;

namespace Fleet.UnitTests.Shadows;

/// <summary>What an update leaves for the device grain.</summary>
public sealed class ShadowReportTests
{
    [Theory]
    [InlineData("""{"reported":{"firmware":{"version":"1.1.0","slot":"b"},"health":"ok"}}""", "1.1.0", true)]
    [InlineData("""{"reported":{"firmware":{"version":"1.1.0"}}}""", "1.1.0", null)]
    [InlineData("""{"reported":{"health":"ok"}}""", null, true)]
    [InlineData("""{"reported":{"health":"degraded"}}""", null, false)]
    [InlineData("""{"reported":{"health":1}}""", null, false)]
    [InlineData("""{"reported":{"firmware":{"version":"not a version"},"health":"ok"}}""", null, true)]
    public void Firmware_and_health_are_reported(string state, string? version, bool? healthy)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"other":1}}}""");
        Assert.Null(shadow.State.UnsentReport);
        shadow.Accept($$"""{"state":{{state}}}""");
        Assert.Equal(new FirmwareReport(VersionOf(version), healthy, 2, DateTimeOffset.FromUnixTimeSeconds(shadow.Now)), shadow.State.UnsentReport);
    }

    [Theory]
    [InlineData("""{"desired":{"firmware":{"version":"1.1.0"},"health":"ok"}}""")]
    [InlineData("""{"reported":{"firmware":{"slot":"b"}}}""")]
    [InlineData("""{"reported":{"firmware":"1.1.0"}}""")]
    [InlineData("""{"reported":{"firmware":null,"health":null}}""")]
    [InlineData("""{"reported":null}""")]
    [InlineData("null")]
    public void Anything_else_is_not(string state)
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept($$"""{"state":{{state}}}""");
        Assert.Null(shadow.State.UnsentReport);
    }

    [Fact]
    public void A_named_shadow_reports_nothing()
    {
        var shadow = new ShadowUnderTest("amr-1/other");
        shadow.Accept("""{"state":{"reported":{"health":"ok"}}}""");
        Assert.Null(shadow.State.UnsentReport);
    }

    [Fact]
    public void A_report_that_did_not_arrive_is_completed_by_the_next_and_outlives_other_updates()
    {
        var shadow = new ShadowUnderTest();
        shadow.Accept("""{"state":{"reported":{"firmware":{"version":"1.1.0"},"health":"bad"}}}""");
        shadow.Accept("""{"state":{"desired":{"a":1}}}""");
        Assert.Equal(1, shadow.State.UnsentReport!.ShadowVersion);
        shadow.Accept("""{"state":{"reported":{"health":"ok"}}}""");
        Assert.Equal(new FirmwareReport(VersionOf("1.1.0"), true, 3, DateTimeOffset.FromUnixTimeSeconds(shadow.Now)), shadow.State.UnsentReport);
        Assert.Equal(shadow.State.UnsentReport, ShadowUpdateTests.Reload(shadow.State).UnsentReport);
    }

    [Fact]
    public void What_was_said_in_an_earlier_session_is_not_said_again_in_the_next()
    {
        var shadow = new ShadowUnderTest { SessionEpoch = new(7) };
        shadow.Accept("""{"state":{"reported":{"firmware":{"version":"1.1.0"}}}}""");
        Assert.Equal(new SessionEpoch(7), shadow.State.UnsentReport!.SessionEpoch);
        shadow.SessionEpoch = new(8);
        shadow.Accept("""{"state":{"reported":{"health":"ok"}}}""");
        Assert.Equal((null, true, new SessionEpoch(8)), (shadow.State.UnsentReport.Version, shadow.State.UnsentReport.Healthy, shadow.State.UnsentReport.SessionEpoch));
    }

    private static FirmwareVersion? VersionOf(string? text) => FirmwareVersion.TryParse(text, out var version) ? version : null;
}
