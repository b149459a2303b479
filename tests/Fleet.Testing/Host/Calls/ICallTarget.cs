using Orleans.Runtime;

namespace Fleet.Testing.Host.Calls;

/// <summary>Where calls go: all grains of a class, told apart by key, or an observer.</summary>
internal interface ICallTarget
{
    /// <summary>Queues the call. Calls of one sender to one key arrive in order.</summary>
    void Send(GrainId to, Request call);
}
