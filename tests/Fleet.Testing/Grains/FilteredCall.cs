using System.Reflection;
using System.Runtime.ExceptionServices;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Testing.Grains;

/// <summary>A call that passes the filters, one after the other, the grain's own last, before it reaches the grain.</summary>
internal sealed class FilteredCall : IIncomingGrainCallContext
{
    private readonly Activation _activation;
    private readonly IIncomingGrainCallFilter[] _filters;
    private int _passed;

    private FilteredCall(Activation activation, IIncomingGrainCallFilter[] filters, IInvokable request, GrainId target, GrainId? source) =>
        (_activation, _filters, Request, TargetId, SourceId) = (activation, filters, request, target, source);

    public IInvokable Request { get; }
    public object Grain => _activation.GrainInstance!;
    public GrainId? SourceId { get; }
    public GrainId TargetId { get; }
    public GrainInterfaceType InterfaceType => OrleansTypes.InterfaceTypes.GetGrainInterfaceType(Request.GetInterfaceType());
    public string InterfaceName => Request.GetInterfaceName();
    public string MethodName => Request.GetMethodName();
    public MethodInfo InterfaceMethod => Request.GetMethod();
    public object? Result { get => Response?.Result; set => Response = Response.FromResult(value); }
    public Response? Response { get; set; }
    public IGrainContext TargetContext => _activation;

    public MethodInfo ImplementationMethod
    {
        get
        {
            var map = Grain.GetType().GetInterfaceMap(InterfaceMethod.DeclaringType!);
            return map.TargetMethods[Array.IndexOf(map.InterfaceMethods, InterfaceMethod)];
        }
    }

    /// <returns>Null if there are no filters, or the target is an observer.</returns>
    public static FilteredCall? Of(HostRuntime runtime, IInvokable request, IWorkHost host, GrainId target, GrainId? source)
    {
        if (host is not Activation activation) return null;
        var filters = activation.GrainInstance is IIncomingGrainCallFilter own ? [.. runtime.CallFilters, own] : runtime.CallFilters;
        return filters.Length == 0 ? null : new(activation, filters, request, target, source);
    }

    public async Task<Response> Run()
    {
        await Invoke();
        return Response!;
    }

    public async Task Invoke()
    {
        if (_passed < _filters.Length)
        {
            await _filters[_passed++].Invoke(this);
            return;
        }
        Response = await Request.Invoke();
        // As in Orleans: a filter sees the call throw.
        if (Response.Exception is { } failure) ExceptionDispatchInfo.Throw(failure);
    }
}
