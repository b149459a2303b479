using Fleet.Gateway.Auth;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.Gateway.Transport;

/// <summary>
/// One <see cref="MqttChannel"/> and what it takes to run it, whatever carries its bytes: its effects are carried out here, their answers
/// come back as events, and its life is told to those who must know. How bytes move, and on which thread a turn runs, is the transport's.
/// </summary>
internal abstract class MqttConnection : ISessionConnection, IOpening
{
    private readonly bool _requestsOnPool;
    private Task _authorised = Task.CompletedTask;
    private SessionIdentity? _identity;
    private Requester? _requester;
    private RequestQueue? _requests;
    private bool _begun;

    /// <param name="requestsOnPool">
    /// Requests to reserved topics may block for a moment, which a thread of many connections must not.
    /// </param>
    protected MqttConnection(ConnectionServices services, ConnectionSource source, Outbound outbound, bool requestsOnPool)
    {
        Services = services;
        Source = source;
        _requestsOnPool = requestsOnPool;
        Outbound = outbound;
        Channel = new MqttChannel(services.Channel, this, services.Clock.NowMs);
    }

    public bool IsClosed => Channel.Ended is not null;
    public bool IsHeld => Channel.IsHeld;

    /// <summary>Grains hear of the end: not on this thread.</summary>
    public void TellOfTheEnd() => ThreadPool.UnsafeQueueUserWorkItem(static self => _ = self.Over(), this, preferLocal: false);

    /// <summary>Network and client have taken enough of what was sent, and of what waits in the session.</summary>
    protected bool HasRoomForAnswers => IsClosed || (Outbound.HasRoom && !IsBacklogged);

    /// <summary>
    /// More waits in the session than answers should be added to. A client that is not read cannot do anything about it: it is held because
    /// of answers, and those are not held because of it.
    /// </summary>
    protected bool IsBacklogged => !Channel.IsHeld && Channel.Session?.Outbound.IsBacklogged == true;

    protected ConnectionServices Services { get; }
    protected ConnectionSource Source { get; }
    protected Outbound Outbound { get; }
    protected MqttChannel Channel { get; }

    public abstract void Wake();

    /// <summary>Never on the caller's turn: it may hold another connection's lock.</summary>
    public abstract void End(EndCause cause);

    void IOpening.Close() => End(EndCause.ProtocolError(ReasonCode.ServerBusy, "It said nothing, and its place is needed."));

    /// <summary>Gives an event its turn, now or soon. Any thread may call it.</summary>
    protected abstract void Enter(ConnectionEvent what);

    /// <summary>Completes when the network has taken enough of what was sent, and of what waits in the session.</summary>
    protected abstract Task RoomForAnswers();

    /// <summary>Runs the turn of an event.</summary>
    protected void Handle(ConnectionEvent what, ChannelTurn turn)
    {
        switch (what)
        {
            case ConnectionEvent.Decided decided:
                Channel.Decided(decided.Decision, turn);
                Source.Pass?.Release();
                if (Channel.OpensAt is { } position) _ = OpenWhenDurable(position);
                else Begin();
                break;
            case ConnectionEvent.Opened opened:
                Channel.Opened(opened.Durable, turn);
                Begin();
                break;
            case ConnectionEvent.Completed completed:
                Channel.Completed(completed.Ticket, completed.Outcome, completed.Detail, turn);
                RecordAcks(turn);
                break;
            case ConnectionEvent.Subscribed subscribed:
                Channel.Subscribed(subscribed.Pending, turn);
                break;
            case ConnectionEvent.Resumed:
                Channel.Resume(turn);
                break;
            case ConnectionEvent.Ending ending:
                Channel.Close(ending.Cause, turn);
                break;
        }
    }

    /// <summary>Starts what a turn asked for.</summary>
    protected void CarryOut(ChannelTurn turn)
    {
        foreach (var effect in turn.Effects)
        {
            switch (effect)
            {
                case ChannelEffect.Authorise authorise: _authorised = Authorise(authorise.Request); break;
                case ChannelEffect.Pause pause: _ = Pause(pause.Milliseconds); break;
                case ChannelEffect.Handle request: Request(request); break;
                case ChannelEffect.AwaitRoutes routes: _ = CompleteWhenKnown(routes); break;
                case ChannelEffect.AwaitDurable durable: _ = CompleteWhenDurable(durable); break;
            }
        }
    }

    /// <summary>
    /// The channel is closed and its last words are out: tells of the end when it is known whose it was, and its requests are answered. A
    /// store that does not answer is not waited for.
    /// </summary>
    protected async Task Over()
    {
        Source.Pass?.Release();
        await _authorised;
        if (_requests is not null) await _requests.Idle();
        Services.Connections.Remove(this);
        if (_identity is not null) Services.Lifecycle.Ended(_identity, Channel.Ended!, wasAttached: Channel.Session is not null);
    }

    /// <summary>A fault of one connection ends that connection: it must not reach the thread that happens to run it.</summary>
    protected static void Guard<TConnection, TState>(TConnection self, TState state, Action<TConnection, TState> turn)
        where TConnection : MqttConnection
    {
        try
        {
            turn(self, state);
        }
        catch (Exception e)
        {
            self.LogFailure(e);
            self.Abandon();
        }
    }

    /// <summary>Ends it at once, without a word.</summary>
    protected abstract void Abandon();

    public void LogFailure(Exception e) => Services.Log.ConnectionFailed(_identity?.ClientId ?? "(no CONNECT yet)", e);

    /// <inheritdoc cref="MqttChannel.Drain"/>
    protected void Drain(ChannelTurn turn)
    {
        Channel.Drain(turn);
        RecordAcks(turn);
    }

    protected void RecordAcks(ChannelTurn turn)
    {
        if (turn.Acknowledged.Count == 0 || !Services.Metrics.AckDurationEnabled) return;
        long now = Services.Clock.Time.GetTimestamp();
        foreach (long receivedAt in turn.Acknowledged) Services.Metrics.Acknowledged(Services.Clock.Time.GetElapsedTime(receivedAt, now));
    }

    private async Task Authorise(ConnectRequest request)
    {
        Source.Pass?.Work();
        // Decided by grains and policies: not on a thread that others wait for.
        if (_requestsOnPool) await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var decision = await Services.Authoriser.Decide(request, Source, Services.Channel.Gateway.NewId(), () => IsClosed);
        _identity = (decision as ConnectDecision.Accepted)?.Identity;
        Enter(new ConnectionEvent.Decided(decision));
    }

    private async Task Pause(int milliseconds)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), Services.Clock.Time);
        Enter(new ConnectionEvent.Resumed());
    }

    private async Task OpenWhenDurable(JournalPosition position)
    {
        bool durable = await Services.Channel.Journal.WhenDurable(position);
        Enter(new ConnectionEvent.Opened(durable));
    }

    private void Begin()
    {
        if (!Channel.IsOpen || _begun) return;
        _begun = true;
        // It has been waited for, and holds on to all that it took.
        _authorised = Task.CompletedTask;
        Services.Lifecycle.Began(_identity!);
    }

    private void Request(ChannelEffect.Handle request)
    {
        _requests ??= new RequestQueue(HandleRequest, RequestCompleted, Services.Options.MaxPendingRequests, _requestsOnPool);
        if (_requests.TryAdd(request)) return;
        if (request.Ticket is { } ticket)
            Complete(ticket, ReasonCode.QuotaExceeded, $"More than {Services.Options.MaxPendingRequests} requests are waiting.");
        else
            Services.Metrics.Dropped(DropReason.QueueFull);
    }

    private async ValueTask<bool> HandleRequest(ReservedRequest request)
    {
        // Late: the client has a newer connection, and was not told that this was taken.
        if (Channel.Ended == EndCause.TakenOver) return false;
        try
        {
            await Services.Requests.Handle(request, _requester ??= new Requester(Channel.Session!, _identity!, this, RoomForAnswers));
            return true;
        }
        catch (Exception e)
        {
            // Handlers answer what they can name; this is a bug or a broken machine. The publisher hears it in its PUBACK.
            Services.Log.RequestFailed(_identity!.ClientId, request.Topic.Text, e);
            return false;
        }
    }

    private void RequestCompleted(AckTicket? ticket, bool good)
    {
        if (ticket is not null)
            Complete(ticket, good ? ReasonCode.Success : ReasonCode.ImplementationSpecificError, good ? null : "The request failed.");
    }

    private async Task CompleteWhenDurable(ChannelEffect.AwaitDurable effect)
    {
        // RetainedMessages has logged a failure; here it only keeps the PUBACK from saying that all is well.
        await effect.Durable.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (effect.Ticket is null) return;
        bool good = effect.Durable.IsCompletedSuccessfully;
        Complete(effect.Ticket, good ? ReasonCode.Success : ReasonCode.UnspecifiedError, good ? null : "The message could not be stored.");
    }

    private async Task CompleteWhenKnown(ChannelEffect.AwaitRoutes effect)
    {
        await effect.Known;
        Enter(new ConnectionEvent.Subscribed(effect.Pending));
    }

    private void Complete(AckTicket ticket, ReasonCode outcome, string? detail) =>
        Enter(new ConnectionEvent.Completed(ticket, outcome, detail));
}
