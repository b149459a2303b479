using System.Net;
using Fleet.Gateway.Telemetry;
using Microsoft.AspNetCore.Connections;

namespace Fleet.Gateway.Auth;

/// <summary>Whoever has a pass, and can be told to go. Any thread may tell it, more than once.</summary>
internal interface IOpening
{
    /// <summary>Its slot is another's: it closes, soon.</summary>
    void Close();
}

/// <summary>One connection that is not answered yet, and its slot in the stage that it is in.</summary>
internal sealed class AdmissionPass(ConnectAdmission admission, IPAddress? address, OpeningStage stage)
    : Slot(address ?? IPAddress.None)
{
    private IOpening? _holder;
    private int _isClosed;

    /// <summary>Changed by <see cref="ConnectAdmission"/> alone.</summary>
    public OpeningStage Stage { get; set; } = stage;

    /// <summary>Goes on to the next stage.</summary>
    /// <returns>False: it was closed meanwhile, or there is no slot; the connection is to be closed.</returns>
    public bool TryEnter(OpeningStage next) => admission.TryMove(this, next);

    /// <summary>The peer has done its part, and waits for the gateway.</summary>
    public void Work() => admission.Work(this);

    /// <summary>It is the peer's turn again.</summary>
    public void Wait() => admission.Wait(this);

    /// <summary>The connection has been answered (CONNACK), or has ended. Repeats change nothing.</summary>
    public void Release() => admission.Release(this);

    /// <summary>Who is to go when the slot is another's; at once if it already is.</summary>
    public void HeldBy(IOpening holder)
    {
        Interlocked.Exchange(ref _holder, holder);
        if (Volatile.Read(ref _isClosed) == 1) holder.Close();
    }

    /// <summary>Its slot is another's.</summary>
    public void Close()
    {
        Interlocked.Exchange(ref _isClosed, 1);
        Volatile.Read(ref _holder)?.Close();
    }

    /// <summary>The pass of a Kestrel connection.</summary>
    public static AdmissionPass? Of(ConnectionContext connection) => connection.Features.Get<AdmissionPass>();
}
