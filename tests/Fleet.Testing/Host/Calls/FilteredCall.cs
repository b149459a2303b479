using System.Reflection;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Testing.Host.Calls;

/// <summary>A call that passes the filters, one after the other, before it reaches the grain.</summary>
internal sealed class FilteredCall(CallServices services, IInvokable request, IRequestHost host, GrainId targetId, GrainId? sourceId) : IIncomingGrainCallContext
{
    private readonly IIncomingGrainCallFilter[] _filters = host.Instance is IIncomingGrainCallFilter own ? [.. services.Filters, own] : services.Filters;
    private int _passed;

    public IInvokable Request => request;
    public object Grain => host.Instance;
    public GrainId? SourceId => sourceId;
    public GrainId TargetId => targetId;
    public GrainInterfaceType InterfaceType => OrleansTypes.InterfaceTypes.GetGrainInterfaceType(request.GetInterfaceType());
    public string InterfaceName => request.GetInterfaceName();
    public string MethodName => request.GetMethodName();
    public MethodInfo InterfaceMethod => request.GetMethod();
    public object? Result { get => Response?.Result; set => Response = Orleans.Serialization.Invocation.Response.FromResult(value); }
    public Response? Response { get; set; }
    public IGrainContext TargetContext => (IGrainContext)host;
    public MethodInfo ImplementationMethod => throw new NotSupportedException();

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
        Response = await request.Invoke();
        // As in Orleans: who is around the call sees it throw.
        if (Response.Exception is { } failure) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
    }
}
