using System.Reflection;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orleans
{
    public interface IGrainCallContext
    {
        IInvokable Request { get; }

        /// <summary>The grain itself.</summary>
        object Grain { get; }

        /// <summary>The grain that called, or null if the call came from outside.</summary>
        GrainId? SourceId { get; }

        GrainId TargetId { get; }

        string InterfaceName { get; }

        string MethodName { get; }

        MethodInfo InterfaceMethod { get; }

        /// <summary>Null before <see cref="Invoke"/> and for a method without a result.</summary>
        object? Result { get; set; }

        /// <summary>Goes on: to the next filter, or to the grain after the last.</summary>
        Task Invoke();
    }

    public interface IIncomingGrainCallContext : IGrainCallContext
    {
        IGrainContext TargetContext { get; }

        MethodInfo ImplementationMethod { get; }
    }

    /// <summary>Runs around each call, in the turns of the grain: those registered as services first, then the grain's own.</summary>
    public interface IIncomingGrainCallFilter
    {
        Task Invoke(IIncomingGrainCallContext context);
    }
}

namespace Orleans.Serialization.Invocation
{
    /// <summary>A request: a method and its arguments.</summary>
    public interface IInvokable
    {
        int GetArgumentCount();

        object? GetArgument(int index);

        void SetArgument(int index, object value);

        string GetMethodName();

        string GetInterfaceName();

        Type GetInterfaceType();

        MethodInfo GetMethod();
    }
}
