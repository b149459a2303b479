using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Grains.Rules;

public static class RuleServices
{
    /// <summary>What the rule grains need besides the silo, <see cref="TimeProvider"/> and <see cref="IRuleStore"/>.</summary>
    public static IServiceCollection AddFleetRules(this IServiceCollection services)
    {
        services.AddOptions<RuleOptions>().BindConfiguration(RuleOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RuleMetrics>();
        services.AddSingleton(s => new RuleSender(
            new HttpMessageInvoker(NewHandler()), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<RuleMetrics>()));
        return services;
    }

    internal static SocketsHttpHandler NewHandler() => new()
    {
        // A redirection leads where no operator has agreed to send anything.
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        // A receiver that moves to another address is found again.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        // What a message sets off can be followed to the receiver, but nobody's baggage goes there.
        ActivityHeadersPropagator = null,
    };
}
