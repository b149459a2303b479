namespace Fleet.Gateway.Sessions;

/// <summary>
/// From whom a session takes messages while its fail-over to this gateway is under way: from a gateway that has something for the dead one
/// still, only that, so that each publisher's messages reach it in order. A session without one takes from all.
/// </summary>
internal interface ISessionIntake
{
    /// <summary>It takes from all.</summary>
    bool IsOpen { get; }

    /// <param name="gatewayId">Where the message was published; null: here.</param>
    bool IsOpenTo(string? gatewayId);

    /// <summary>A message for these dead gateways' sessions is for it.</summary>
    bool IsFor(ImmutableArray<string> deadGateways);

    void Add(Session session);
}

/// <summary>What is on its way from the store to the directory.</summary>
internal interface ISessionArrivals
{
    /// <summary>Some sessions are this gateway's in the store that the directory has not yet.</summary>
    bool IsLoading { get; }

    /// <summary>
    /// What that gateway had in the store was this one's from its first moment, so it can have no more; whether or not others know.
    /// </summary>
    bool IsPredecessor(string gatewayId);
}
