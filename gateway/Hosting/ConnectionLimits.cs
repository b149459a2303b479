using System.Diagnostics.Metrics;
using Fleet.Gateway.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Hosting;

/// <summary>How many connections an HTTP listener has, and who goes when there are too many.</summary>
public static class ConnectionLimits
{
    /// <summary>
    /// Holds a listener to so many connections: for one more, the longest idle of the address with most of them is closed. Idle is who is
    /// between two requests, or before the first: <see cref="UseConnectionLimits"/> says so.
    /// </summary>
    public static void LimitConnections(this ListenOptions listen, int most)
    {
        var services = listen.ApplicationServices;
        var slots = new HttpSlots(
            most, services.GetRequiredService<IMeterFactory>(), services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<HttpSlots>>());
        listen.Use(slots.Middleware);
    }

    /// <summary>Before everything else that a request meets.</summary>
    public static IApplicationBuilder UseConnectionLimits(this IApplicationBuilder app) => app.Use(async (context, next) =>
    {
        var slot = context.Features.Get<HttpSlot>();
        slot?.Begin();
        try
        {
            await next(context);
        }
        finally
        {
            slot?.End();
        }
    });
}
