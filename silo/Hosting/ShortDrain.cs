using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Fleet.Silo.Hosting;

/// <summary>
/// The web server, which gives requests that are under way a few seconds when it stops, and then ends their connections. By default a
/// client that never finishes its request keeps all of the host's patience, and none is left for the silo to stop in good order.
/// </summary>
internal sealed class ShortDrain(IServer server, TimeProvider clock) : IServer
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public IFeatureCollection Features => server.Features;

    /// <summary>Around the server that is registered.</summary>
    public static void Apply(IServiceCollection services)
    {
        var registered = services.Last(service => service.ServiceType == typeof(IServer));
        services.AddSingleton<IServer>(s => new ShortDrain(
            (IServer)ActivatorUtilities.CreateInstance(s, registered.ImplementationType!), s.GetRequiredService<TimeProvider>()));
    }

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull =>
        server.StartAsync(application, cancellationToken);

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        await server.StopAsync(both.Token);
    }

    public void Dispose() => server.Dispose();
}
