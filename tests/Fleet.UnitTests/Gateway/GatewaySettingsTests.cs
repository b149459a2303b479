using Fleet.Gateway;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Rules;
using Fleet.Gateway.Transport;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway;

/// <summary>The section <c>Fleet:Gateway</c>, whichever concern a setting belongs to.</summary>
public sealed class GatewaySettingsTests
{
    [Fact]
    public void Each_setting_belongs_to_one_concern()
    {
        string[] settings = [.. typeof(GatewayListeners).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal) && type != typeof(RuleQueueOptions))
            .SelectMany(type => type.GetProperties()).Where(property => property.CanWrite).Select(property => property.Name)];
        Assert.Equal(49, settings.Length);
        Assert.Distinct(settings);
    }

    [Theory]
    [InlineData("MqttsPort", "99999")]
    [InlineData("ConnectRate", "0")]
    [InlineData("MaxPayloadBytes", "1")]
    [InlineData("MaxSessions", "0")]
    [InlineData("MaxSessionsPerClaim", "0")]
    [InlineData("MaxClaimPublishesPerSecond", "0")]
    [InlineData("MaxJournalBytes", "1")]
    [InlineData("MaxRetainedMessages", "-1")]
    [InlineData("MaxRetainedBytesPerPrincipal", "-1")]
    [InlineData("MaxForwardBytes", "1")]
    [InlineData("BlockCacheBytes", "1")]
    [InlineData("ReactorLoops", "0")]
    public void A_setting_that_makes_no_sense_is_named_before_the_start(string name, string value)
    {
        using var services = Services((name, value));
        var validator = services.GetRequiredService<IStartupValidator>();
        Assert.Contains(name, Assert.Throws<OptionsValidationException>(validator.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_of_one_section_reach_their_concerns()
    {
        using var services = Services(("PlainPort", "1883"), ("MaxSessions", "7"));
        services.GetRequiredService<IStartupValidator>().Validate();
        Assert.Equal(1883, services.GetRequiredService<IOptions<TransportOptions>>().Value.PlainPort);
        Assert.Equal(7, services.GetRequiredService<IOptions<Fleet.Gateway.Sessions.SessionOptions>>().Value.MaxSessions);
    }

    private static ServiceProvider Services(params (string Name, string Value)[] settings)
    {
        var section = settings.ToDictionary(setting => $"Fleet:Gateway:{setting.Name}", setting => (string?)setting.Value);
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(section).Build());
        return services.AddFleetGateway().BuildServiceProvider();
    }
}
