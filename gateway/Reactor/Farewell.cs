using Fleet.Gateway.Reactor.Native;

namespace Fleet.Gateway.Reactor;

/// <summary>
/// The end of a connection whose channel is closed: its last words go out, and then the peer has a moment to take note of them. What it
/// still sends is read and dropped, since closing on it would take the last words back.
/// </summary>
internal sealed class Farewell(ReactorLoop loop, int key, Wire wire, WireOutbound output, ReactorConnection connection)
    : IReady, IDisposable
{
    /// <summary>For the last words, and for the peer to take note of them.</summary>
    private const long PatienceMs = 2_000;

    private long _until;
    private bool _peerEnded, _lingers, _gone;

    /// <summary>The socket is this one's from here on.</summary>
    /// <param name="peerEnded">Nobody will take note of anything.</param>
    public void Begin(bool peerEnded)
    {
        loop.Replace(key, this);
        _peerEnded = peerEnded;
        _until = loop.NowMs + PatienceMs;
        SendRest();
    }

    public void Ready(Readiness readiness)
    {
        if (_gone) return;
        try
        {
            if (_lingers) Discard();
            else if ((readiness & (Readiness.Error | Readiness.HangUp)) != 0) Go();
            else SendRest();
        }
        catch (Exception e)
        {
            connection.LogFailure(e);
            Go();
        }
    }

    public void PeerEnded()
    {
        _peerEnded = true;
        if (_lingers) Go();
    }

    public void Tick(long now)
    {
        if (now >= _until) Go();
    }

    /// <summary>Closes the socket, whatever is not said by now.</summary>
    public void Go()
    {
        if (_gone) return;
        _gone = true;
        output.Drop();
        wire.Dispose();
        loop.Release(key);
        if (!_lingers) connection.TellOfTheEnd();
    }

    public void Dispose() => wire.Dispose();

    private void SendRest()
    {
        int budget = 0;
        SendStep step;
        do step = output.Send(wire, ref budget);
        while (step == SendStep.Sent);
        if (step == SendStep.Blocked) loop.Modify(wire.Socket, key, Readiness.Out);
        else if (step == SendStep.Lost || _peerEnded) Go();
        else Linger();
    }

    private void Linger()
    {
        _lingers = true;
        _until = loop.NowMs + PatienceMs;
        wire.EndOutput();
        loop.Modify(wire.Socket, key, Readiness.In);
        connection.TellOfTheEnd();
    }

    private void Discard()
    {
        if (wire.Read(loop.ReadBuffer) is WireResult.Ended or WireResult.Lost) Go();
    }
}
