namespace Fleet.Gateway.Topics;

/// <summary>Answers the requests of one family of reserved topics.</summary>
internal interface IRequestHandler
{
    TopicFamily Family { get; }

    /// <summary>
    /// Answers the request, a refusal included; the PUBACK follows. What it throws is a bug or a broken machine, after the family's own word
    /// for an internal error has been sent where it has one.
    /// </summary>
    ValueTask Handle(ReservedRequest request, Requester requester);
}

/// <summary>Hands a request to the handler of its family.</summary>
internal sealed class RequestDispatcher
{
    private readonly IRequestHandler[] _handlers = new IRequestHandler[Enum.GetValues<TopicFamily>().Length];

    public RequestDispatcher(IEnumerable<IRequestHandler> handlers)
    {
        foreach (var handler in handlers) _handlers[(int)handler.Family] = handler;
    }

    public ValueTask Handle(ReservedRequest request, Requester requester) => _handlers[(int)request.Topic.Family].Handle(request, requester);
}
