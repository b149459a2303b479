using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Fleet.Silo.Hosting;

/// <summary>
/// A silo port that is never opened. A silo that is alone calls its grains inside its process, so that there is nobody to accept; and a
/// port that does not exist can be neither attacked nor taken.
/// </summary>
internal sealed class ClosedListener(EndPoint endPoint) : IConnectionListener
{
    private readonly TaskCompletionSource<ConnectionContext?> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EndPoint EndPoint => endPoint;

    public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
        new(_closed.Task.WaitAsync(cancellationToken));

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _closed.TrySetResult(null);
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    /// <summary>
    /// In the place of Orleans' two listeners, for silos and for clients, each under the key that Orleans asks for it by.
    /// </summary>
    public static void ReplaceAll(IServiceCollection services)
    {
        var open = services.Where(service => service.IsKeyedService && service.ServiceType == typeof(IConnectionListenerFactory)).ToArray();
        if (open.Length != 2)
            throw new UnreachableException($"Orleans registers {open.Length} listeners, not one for silos and one for clients.");
        foreach (var listener in open)
        {
            services.Remove(listener);
            services.AddKeyedSingleton<IConnectionListenerFactory>(listener.ServiceKey, new Factory());
        }
    }

    private sealed class Factory : IConnectionListenerFactory
    {
        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new(new ClosedListener(endpoint));
    }
}
