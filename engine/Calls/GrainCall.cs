using System.Reflection;
using Fleet.Engine.Turns;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Engine.Calls;

/// <summary>One call of a method: on its way, waiting, running, and answered once.</summary>
internal sealed class GrainCall<T>(GrainMethod<T> method, GrainId targetId, object?[] arguments) : TimedCall, IInvokable
{
    private readonly TaskCompletionSource<T> _answer = new(method.Services.AnswerOptions);
    private readonly GrainId? _source =
        method.Services.Filters.Length > 0 ? ((TaskScheduler.Current as TurnScheduler)?.Owner as IGrainContext)?.GrainId : null;
    private CallCancellation? _cancellation;
    private ICallTarget? _target;

    public override bool AlwaysInterleaves => method.AlwaysInterleaves;

    public override bool IsReadOnly => method.IsReadOnly;

    public override bool KeepsAlive => true;

    public override bool IsLocal => false;

    public override bool IsAbandoned => _answer.Task.IsCompleted && !method.IsOneWay;

    public Task<T> Send(ICallTarget target, string key)
    {
        _target = target;
        if (method.CancellationArgument >= 0 && !TakeOverCancellation((CancellationToken)arguments[method.CancellationArgument]!))
            return _answer.Task;
        if (method.IsOneWay) _answer.SetResult(default!);
        else method.Deadlines?.Watch(this);
        target.Send(key, this);
        return _answer.Task;
    }

    public override void Reject(Exception reason) => Fail(reason);

    public override void Expire(TimeSpan timeout)
    {
        if (!_answer.TrySetException(new TimeoutException($"No answer within {timeout} to {this}."))) return;
        _cancellation?.StopListening();
        _target!.Count(CallOutcome.TimedOut);
        method.Services.Logger.CallTimedOut(ToString(), timeout);
    }

    protected override async Task Run()
    {
        try
        {
            _cancellation?.Bind(Host.Scheduler);
            var result = HasFilters ? await new FilteredCall<T>(this, method, Host, targetId, _source, arguments).Run()
                : await method.Invoke(Host.Instance, arguments);
            Host.Finished(this, null);
            Succeed(result);
        }
        catch (Exception e)
        {
            Host.Finished(this, e);
            Fail(e);
        }
    }

    private bool HasFilters =>
        Host is IGrainContext && (method.Services.Filters.Length > 0 || Host.Instance is IIncomingGrainCallFilter);

    private void Succeed(T result)
    {
        Release();
        if (_answer.TrySetResult(result) || method.IsOneWay) _target!.Count(CallOutcome.Succeeded);
    }

    private void Fail(Exception reason)
    {
        Release();
        bool heard = _answer.TrySetException(reason);
        if (heard || method.IsOneWay) _target!.Count(reason is OperationCanceledException ? CallOutcome.Canceled : CallOutcome.Failed);
        // Nobody else will hear of it. That an observer has gone is not worth a line for each call.
        if (!heard && reason is not ClientNotAvailableException) method.Services.Logger.UnheardFailure(ToString(), reason);
    }

    private void Release()
    {
        CallDeadlines.Forget(this);
        _cancellation?.End();
    }

    /// <summary>Puts a token in the arguments that is cancelled within the host's turns, when the caller's token is.</summary>
    /// <returns>False if the call is cancelled already.</returns>
    private bool TakeOverCancellation(CancellationToken token)
    {
        if (!token.CanBeCanceled) return true;
        if (token.IsCancellationRequested)
        {
            _answer.SetCanceled(token);
            return false;
        }
        // The sender's array holds the sender's token; a call that is sent on must not see it.
        _cancellation = new(GiveUp, token);
        arguments[method.CancellationArgument] = _cancellation.Token;
        return true;
    }

    // As in Orleans, the caller does not wait until the grain has noticed.
    private void GiveUp(CancellationToken token)
    {
        if (!_answer.TrySetCanceled(token)) return;
        CallDeadlines.Forget(this);
        _target!.Count(CallOutcome.Canceled);
    }

    public int GetArgumentCount() => arguments.Length;

    public object? GetArgument(int index) => arguments[index];

    public void SetArgument(int index, object value) => arguments[index] = value;

    public string GetMethodName() => method.Info.Name;

    public string GetInterfaceName() => method.InterfaceType.Name;

    public Type GetInterfaceType() => method.InterfaceType;

    public MethodInfo GetMethod() => method.Info;

    public override string ToString() => $"{GetInterfaceName()}.{GetMethodName()} of {targetId}";
}
