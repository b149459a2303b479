using System.Reflection;
using Orleans;
using Orleans.Concurrency;

namespace Fleet.Engine.Calls;

/// <summary>A method of a grain or observer interface: how it is sent and how it is run.</summary>
internal abstract class GrainMethod
{
    private readonly MethodInvoker _invoker;
    private readonly int _cancellationArgument;

    protected GrainMethod(MethodInfo method, Type interfaceType, CallServices services)
    {
        Info = method;
        InterfaceType = interfaceType;
        Services = services;
        AlwaysInterleaves = method.IsDefined(typeof(AlwaysInterleaveAttribute));
        IsReadOnly = method.IsDefined(typeof(ReadOnlyAttribute));
        IsOneWay = method.ReturnType == typeof(void) || method.IsDefined(typeof(OneWayAttribute));
        Deadlines = services.DeadlinesFor(method.GetCustomAttribute<ResponseTimeoutAttribute>()?.Timeout);
        _invoker = MethodInvoker.Create(method);
        _cancellationArgument = Array.FindIndex(method.GetParameters(), p => p.ParameterType == typeof(CancellationToken));
    }

    public MethodInfo Info { get; }

    public Type InterfaceType { get; }

    public CallServices Services { get; }

    public bool AlwaysInterleaves { get; }

    public bool IsReadOnly { get; }

    public bool IsOneWay { get; }

    public CallDeadlines? Deadlines { get; }

    /// <summary>Where among the arguments the cancellation token is; -1 if the method takes none.</summary>
    public int CancellationArgument => _cancellationArgument;

    public static GrainMethod Create(MethodInfo method, Type interfaceType, CallServices services)
    {
        var returns = method.ReturnType;
        var result = returns.IsGenericType ? returns.GetGenericArguments()[0] : typeof(NoResult);
        return (GrainMethod)Activator.CreateInstance(typeof(GrainMethod<>).MakeGenericType(result), method, interfaceType, services)!;
    }

    /// <summary>Sends a call to <paramref name="key"/> of <paramref name="target"/>.</summary>
    /// <returns>What the method returns: a task that completes with the answer, or null from a void method.</returns>
    public abstract object? Send(ICallTarget target, string key, object?[] arguments);

    /// <summary>Runs the method itself.</summary>
    protected object? InvokeOn(object instance, object?[] arguments) => _invoker.Invoke(instance, arguments.AsSpan());
}

/// <summary>The result of a method that has none.</summary>
internal readonly struct NoResult;

internal sealed class GrainMethod<T>(MethodInfo method, Type interfaceType, CallServices services)
    : GrainMethod(method, interfaceType, services)
{
    private readonly bool _returnsValueTask =
        method.ReturnType == typeof(ValueTask) || method.ReturnType == typeof(ValueTask<T>);

    public override object? Send(ICallTarget target, string key, object?[] arguments)
    {
        var call = new GrainCall<T>(this, target.IdOf(key), arguments);
        var answer = call.Send(target, key);
        if (Info.ReturnType == typeof(void)) return null;
        if (!_returnsValueTask) return answer;
        return Info.ReturnType == typeof(ValueTask) ? new ValueTask(answer) : new ValueTask<T>(answer);
    }

    public ValueTask<T> Invoke(object instance, object?[] arguments) => InvokeOn(instance, arguments) switch
    {
        Task<T> task => new(task),
        Task task => Awaited(task),
        ValueTask<T> task => task,
        ValueTask task => Awaited(task.AsTask()),
        null when Info.ReturnType == typeof(void) => default,
        _ => throw new InvalidOperationException($"{InterfaceType.Name}.{Info.Name} returned null instead of a task."),
    };

    private static ValueTask<T> Awaited(Task task)
    {
        return task.IsCompletedSuccessfully ? default : Await(task);

        static async ValueTask<T> Await(Task task)
        {
            await task;
            return default!;
        }
    }
}
