using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fleet.Silo.Hosting;

internal static class ConnectionLimit
{
    /// <summary>
    /// Closes connections above <paramref name="most"/>. Kestrel's own limit would count for the MQTT listeners too, which hold many more by design.
    /// </summary>
    public static void LimitConnections(this ListenOptions listen, int most)
    {
        int open = 0;
        listen.Use(next => async connection =>
        {
            try
            {
                if (Interlocked.Increment(ref open) <= most) await next(connection);
                else connection.Abort(new ConnectionAbortedException("Too many connections on this listener."));
            }
            finally
            {
                Interlocked.Decrement(ref open);
            }
        });
    }
}
