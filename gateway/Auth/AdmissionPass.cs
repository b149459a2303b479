using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Fleet.Gateway.Auth;

/// <summary>One connection that was let in and is not answered yet.</summary>
internal sealed class AdmissionPass(ConnectAdmission admission, IPAddress address)
{
    private int _released;

    /// <summary>The connection has been answered (CONNACK), or has ended. Repeats change nothing.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0) admission.Released(address);
    }

    /// <summary>The pass of a Kestrel connection.</summary>
    public static AdmissionPass? Of(ConnectionContext connection) => connection.Features.Get<AdmissionPass>();

    /// <summary>Asks before TLS; who is not let in is cut off without a word, which no protocol has a place for yet.</summary>
    public static ConnectionDelegate Middleware(
        ConnectionDelegate next, ConnectAdmission admission, GatewayClock clock) => async connection =>
    {
        if (admission.TryAdmit((connection.RemoteEndPoint as IPEndPoint)?.Address, clock.NowMs) is not { } pass)
        {
            connection.Abort();
            return;
        }
        connection.Features.Set(pass);
        try
        {
            await next(connection);
        }
        finally
        {
            pass.Release();
        }
    };
}
