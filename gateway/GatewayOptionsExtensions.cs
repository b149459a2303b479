using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway;

/// <summary>
/// The section <c>Fleet:Gateway</c>. Its settings stand with what they are for, a class for each concern; all of them are checked before
/// the gateway starts. Limits are those of AWS IoT Core (spec/aws-iot-topics.md, 5.2 to 5.5), so that devices move over unchanged.
/// </summary>
internal static class GatewayOptionsExtensions
{
    public static OptionsBuilder<T> AddGatewayOptions<T>(this IServiceCollection services) where T : class =>
        services.AddOptions<T>().BindConfiguration("Fleet:Gateway").ValidateDataAnnotations().ValidateOnStart();
}
