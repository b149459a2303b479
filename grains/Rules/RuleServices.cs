using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.Grains.Rules;

public static class RuleServices
{
    /// <summary>What the rule grains need besides the silo, <see cref="TimeProvider"/> and <see cref="IRuleStore"/>.</summary>
    public static IServiceCollection AddFleetRules(this IServiceCollection services)
    {
        services.AddOptions<RuleOptions>().BindConfiguration(RuleOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RuleMetrics>();
        services.AddSingleton(s => new RuleSender(
            new HttpMessageInvoker(NewHandler(s.GetRequiredService<IOptions<RuleOptions>>().Value)),
            s.GetRequiredService<TimeProvider>(), s.GetRequiredService<RuleMetrics>()));
        return services;
    }

    internal static SocketsHttpHandler NewHandler(RuleOptions options) => new()
    {
        // Not by what HTTP_PROXY happens to say: a receiver on loopback, and the headers that open it, are nobody else's.
        UseProxy = options.Proxy is not null,
        Proxy = options.Proxy is { } proxy ? new WebProxy(proxy) : null,
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
