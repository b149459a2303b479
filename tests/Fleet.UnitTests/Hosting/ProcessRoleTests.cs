using Fleet.Silo;
using Fleet.Silo.Hosting;
using Microsoft.Extensions.Configuration;

namespace Fleet.UnitTests.Hosting;

public sealed class ProcessRoleTests
{
    [Theory]
    [InlineData(null, "all", true, true)]
    [InlineData("all", "all", true, true)]
    [InlineData("Silo", "silo", true, false)]
    [InlineData("gateway", "gateway", false, true)]
    public void A_role_says_what_the_process_does(string? setting, string name, bool grains, bool gateway)
    {
        var role = ProcessRoles.Of(Configuration(setting));
        Assert.Equal((name, grains, gateway), (role.Name(), role.HasGrains(), role.HasGateway()));
    }

    [Theory, InlineData("broker"), InlineData("1"), InlineData("")]
    public void Another_word_is_refused(string setting) =>
        Assert.Contains(ProcessRoles.Setting, Assert.Throws<StartupException>(() => ProcessRoles.Of(Configuration(setting))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("all", null, "sqlite", false)]
    [InlineData("all", "false", "postgres", false)]
    [InlineData("all", "true", "postgres", true)]
    [InlineData("silo", null, "postgres", true)]
    [InlineData("gateway", "false", "adonet", true)]
    public void Who_is_not_alone_is_in_a_cluster(string role, string? enabled, string provider, bool isClustered) =>
        Assert.Equal(isClustered, ProcessIdentity.Of(Configuration(role, enabled, provider)).IsClustered);

    [Theory, InlineData("silo", null), InlineData("gateway", null), InlineData("all", "true")]
    public void A_cluster_on_SQLite_is_refused_with_the_setting_that_it_needs(string role, string? enabled) => Assert.Contains(
        "Fleet:Storage:Provider=postgres",
        Assert.Throws<StartupException>(() => ProcessIdentity.Of(Configuration(role, enabled))).Message, StringComparison.Ordinal);

    [Theory, InlineData("silo", null), InlineData("gateway", null), InlineData("all", "true")]
    public void A_cluster_whose_processes_would_each_have_keys_of_their_own_is_refused(string role, string? enabled) => Assert.Contains(
        "Fleet:SharedDirectory",
        Assert.Throws<StartupException>(() => ProcessIdentity.Of(Configuration(role, enabled, "postgres", shared: null))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_switch_that_is_neither_on_nor_off_is_named() => Assert.Contains(
        "'yes' is neither true nor false (setting Fleet:Cluster:Enabled)",
        Assert.Throws<StartupException>(() => ProcessIdentity.Of(Configuration("all", "yes", "postgres"))).Message, StringComparison.Ordinal);

    private static IConfiguration Configuration(string? role, string? enabled = null, string? provider = null, string? shared = "/srv/fleet") =>
        new ConfigurationBuilder().AddInMemoryCollection(
        [
            new(ProcessRoles.Setting, role), new("Fleet:Cluster:Enabled", enabled), new("Fleet:Storage:Provider", provider),
            new("Fleet:SharedDirectory", shared),
        ]).Build();
}
