using Microsoft.AspNetCore.Connections;

namespace Fleet.Gateway.Transport;

internal static class ConnectionContextExtensions
{
    /// <summary>Ends a connection for a newcomer that takes its slot, and not on that one's thread.</summary>
    public static void AbortSoon(this ConnectionContext connection, string why) => ThreadPool.UnsafeQueueUserWorkItem(
        static abort => abort.connection.Abort(new ConnectionAbortedException(abort.why)), (connection, why), preferLocal: false);
}
