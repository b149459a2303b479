namespace Fleet.Gateway.AwsTopics;

/// <summary>Answers the requests of one family of reserved topics.</summary>
internal interface IRequestHandler
{
    TopicFamily Family { get; }

    /// <summary>
    /// Answers the request, a refusal included; the PUBACK follows. What it throws is a bug or a broken machine, after the family's own
    /// word for an internal error has been sent where it has one.
    /// </summary>
    ValueTask Handle(ReservedRequest request, Requester requester);
}

/// <summary>Hands a request to the handler of its family.</summary>
internal sealed class RequestDispatcher
{
    private readonly IRequestHandler[] _handlers = new IRequestHandler[Enum.GetValues<TopicFamily>().Length];

    /// <exception cref="ArgumentException">A family has no handler, or more than one: the gateway does not start.</exception>
    public RequestDispatcher(IEnumerable<IRequestHandler> handlers)
    {
        var byFamily = handlers.ToLookup(handler => handler.Family);
        foreach (var family in Enum.GetValues<TopicFamily>())
        {
            if (byFamily[family].Count() != 1)
                throw new ArgumentException(
                    $"The topic family {family} has {byFamily[family].Count()} handlers instead of one.", nameof(handlers));
            _handlers[(int)family] = byFamily[family].Single();
        }
    }

    public ValueTask Handle(ReservedRequest request, Requester requester) =>
        _handlers[(int)request.Topic.Family].Handle(request, requester);
}
