using System.Buffers;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;
using Fleet.Testing.Grains;

namespace Fleet.SimulationTests.Gateways;

/// <summary>The gateway's end of a client's connection: the connection as it is compiled, on a road that the simulation lays.</summary>
internal sealed class SimulatedConnection : MqttConnection, ITicked
{
    private readonly TurnScheduler _turns;
    private readonly Road _road;
    private readonly int _number;
    private readonly ChannelTurn _turn = new();
    private ReadOnlySequence<byte> _input;
    private bool _woken, _over, _paused;

    public SimulatedConnection(GatewayProcess gateway, Road road, int number)
        : base(
            gateway.Service<ConnectionServices>(), new ConnectionSource(Listener.Plain, null, "10.0.0.1"),
            new Outbound(gateway.Service<ConnectionServices>().Channel.Sessions.MaxOutboundBytes, ArrayPool<byte>.Shared),
            requestsOnPool: false)
    {
        (_turns, _road, _number) = (new(gateway.Process), road, number);
        Services.Connections.Add(this);
    }

    /// <summary>Why it is over; null while it is not.</summary>
    public EndCause? Ended => Channel.Ended;

    /// <summary>Connections are looked at in the order of their hash.</summary>
    public override int GetHashCode() => _number;

    public void Receive(byte[] bytes) => Post(() =>
    {
        _input = new ReadOnlySequence<byte>([.. _input.ToArray(), .. bytes]);
        Read();
    });

    public override void Wake()
    {
        if (_woken) return;
        _woken = true;
        Post(Pump);
    }

    public override void End(EndCause cause) => Enter(new ConnectionEvent.Ending(cause));

    /// <summary>The client has closed it, or its road is broken.</summary>
    public void Lose() => End(EndCause.ConnectionLost);

    public void Tick(long now)
    {
        Channel.Tick(_turn.Begin(Outbound, now, 0));
        if (IsClosed) Pump();
    }

    protected override void Enter(ConnectionEvent what) => Post(() =>
    {
        Handle(what, Begin());
        CarryOut(_turn);
        Read();
    });

    protected override Task RoomForAnswers() => Task.CompletedTask;

    protected override void Abandon() => Channel.Close(EndCause.Failed("The server failed."), Begin());

    private void Post(Action turn) => _turns.Post(_ => Guard(this, turn, static (_, turn) => turn()), null);

    private void Read()
    {
        for (long before = -1; _input.Length != before && !_input.IsEmpty && !Channel.IsPaused && !IsClosed;)
        {
            before = _input.Length;
            Channel.Receive(ref _input, Begin());
            RecordAcks(_turn);
            CarryOut(_turn);
        }
        _paused = Channel.IsPaused;
        Pump();
    }

    private void Pump()
    {
        _woken = false;
        Channel.Drain(Begin());
        while (Outbound.TryBeginSend(out var bytes))
        {
            _road.ToClient(bytes.ToArray());
            Outbound.Sent();
            Channel.Drain(Begin());
        }
        if (_paused && !Channel.IsPaused && !IsClosed) Post(Read);
        if (!IsClosed || _over) return;
        _over = true;
        _road.CloseToClient();
        _ = Over();
    }

    private ChannelTurn Begin() => _turn.Begin(Outbound, Services.Clock.NowMs, Services.Clock.Time.GetTimestamp());
}
