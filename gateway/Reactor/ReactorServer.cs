using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Reactor.Tls;
using Fleet.Gateway.Transport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// The reactor's life: its loops and listeners start when everything else is ready, and stop when every client has been told.
/// </summary>
internal sealed class ReactorServer(
    IOptions<ReactorOptions> options, TransportChoice choice, GatewayListeners listeners, ConnectionServices services,
    ConnectAdmission admission, IServiceProvider provider, GatewayClock clock, ILogger<ReactorServer> log)
    : IHostedLifecycleService, IDisposable
{
    private readonly List<ReactorListener> _listeners = [];
    private ReactorLoop[] _loops = [];
    private TlsContext? _tls;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (choice.FellBackBecause is { } why) log.NoReactor(why);
        if (!choice.IsReactor || !listeners.AreWanted) return Task.CompletedTask;
        int count = options.Value.ReactorLoops ?? Environment.ProcessorCount;
        bool pinned = options.Value.ReactorPinned;
        _loops = [.. Enumerable.Range(0, count).Select(i => new ReactorLoop(i, clock, pinned ? i % Environment.ProcessorCount : null))];
        _tls = new TlsContext(provider.GetRequiredService<IGatewayTrust>());
        services.Connections.Watch(_tls.Memory);
        var settings = services.Options;
        var mqtts = Listen(new IPEndPoint(IPAddress.Parse(settings.Address), settings.MqttsPort), Listener.Mqtts, _tls);
        var plain = settings.PlainPort is { } port ? Listen(new IPEndPoint(IPAddress.Loopback, port), Listener.Plain, null) : null;
        listeners.Bound(mqtts.Port, plain?.Port);
        foreach (var loop in _loops)
        {
            services.Connections.Watch(loop);
            loop.Start();
        }
        foreach (var listener in _listeners) listener.Start();
        log.ReactorStarted(count);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>All connections are being ended by now: waits until the last words are out.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var listener in _listeners) listener.Close();
        try
        {
            while (_loops.Any(loop => loop.Load > 0))
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // The host's patience is at its end: who has not taken the last words by now is cut off.
        }
        Dispose();
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var loop in _loops)
        {
            services.Connections.Unwatch(loop);
            loop.Dispose();
        }
        _loops = [];
        foreach (var listener in _listeners) listener.Dispose();
        _listeners.Clear();
        if (_tls is null) return;
        services.Connections.Unwatch(_tls.Memory);
        _tls.Dispose();
    }

    private ReactorListener Listen(IPEndPoint address, Listener kind, TlsContext? tls)
    {
        var listener = new ReactorListener(address, _loops, new ListenerTerms(kind, tls, services, admission));
        _listeners.Add(listener);
        return listener;
    }
}
