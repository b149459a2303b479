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

    private static IConfiguration Configuration(string? role) =>
        new ConfigurationBuilder().AddInMemoryCollection([new(ProcessRoles.Setting, role)]).Build();
}
