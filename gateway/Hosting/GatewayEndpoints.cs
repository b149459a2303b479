using Fleet.Gateway.Downloads;
using Fleet.Gateway.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Gateway.Hosting;

public static class GatewayEndpoints
{
    /// <summary>
    /// Maps <c>/mqtt</c> (WebSocket) and <c>/files</c> (signed downloads). Neither asks for the API's authentication: each has its own.
    /// </summary>
    public static IEndpointRouteBuilder MapFleetGateway(this IEndpointRouteBuilder endpoints)
    {
        var mqtt = endpoints.CreateApplicationBuilder().UseWebSockets();
        mqtt.Run(context => context.RequestServices.GetRequiredService<WebSocketTransport>().Serve(context));
        endpoints.MapGet("/mqtt", mqtt.Build()).AllowAnonymous().ExcludeFromDescription();

        endpoints.MapMethods("/files/{thing}/{stream}/{fileId}", [HttpMethods.Get, HttpMethods.Head],
                (HttpContext context, DownloadEndpoint download, string thing, string stream, string fileId, string? expires,
                    string? signature) =>
                    download.Serve(context, new DownloadRequest(thing, stream, fileId, expires ?? "", signature ?? "")))
            .AllowAnonymous().ExcludeFromDescription();
        return endpoints;
    }
}
