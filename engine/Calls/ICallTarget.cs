using Orleans.Runtime;

namespace Fleet.Engine.Calls;

/// <summary>Where calls go: all grains of a class, told apart by key, or an observer.</summary>
internal interface ICallTarget
{
    GrainId IdOf(string key);

    /// <summary>Queues the call. Calls of one sender to one key arrive in order.</summary>
    void Send(string key, Request call);

    /// <summary>A reference to the same grain or observer through another interface.</summary>
    GrainReference ReferTo(string key, Type interfaceType);

    /// <summary>Counts a call that has ended.</summary>
    void Count(CallOutcome outcome);
}

/// <summary>How a call ended, as its caller saw it.</summary>
internal enum CallOutcome { Succeeded, Failed, TimedOut, Canceled }
