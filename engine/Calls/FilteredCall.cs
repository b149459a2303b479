using System.Reflection;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Engine.Calls;

/// <summary>A call that passes the filters, one after the other, before it reaches the grain.</summary>
internal sealed class FilteredCall<T>(
    IInvokable request, GrainMethod<T> method, IRequestHost host, GrainId targetId, GrainId? sourceId, object?[] arguments)
    : IIncomingGrainCallContext
{
    private readonly IIncomingGrainCallFilter[] _filters = host.Instance is IIncomingGrainCallFilter own
        ? [.. method.Services.Filters, own]
        : method.Services.Filters;
    private int _passed;

    public IInvokable Request => request;

    public object Grain => host.Instance;

    public GrainId? SourceId => sourceId;

    public GrainId TargetId => targetId;

    public string InterfaceName => request.GetInterfaceName();

    public string MethodName => request.GetMethodName();

    public MethodInfo InterfaceMethod => method.Info;

    public object? Result { get; set; }

    public IGrainContext TargetContext =>
        host as IGrainContext ?? throw new InvalidOperationException($"{targetId} is an observer: it has no grain context.");

    public MethodInfo ImplementationMethod
    {
        get
        {
            var map = host.Instance.GetType().GetInterfaceMap(method.Info.DeclaringType!);
            return map.TargetMethods[Array.IndexOf(map.InterfaceMethods, method.Info)];
        }
    }

    public async Task<T> Run()
    {
        await Invoke();
        return Result is null ? default! : (T)Result;
    }

    public async Task Invoke()
    {
        if (_passed < _filters.Length)
        {
            await _filters[_passed++].Invoke(this);
            return;
        }
        var result = await method.Invoke(host.Instance, arguments);
        Result = typeof(T) == typeof(NoResult) ? null : result;
    }
}
