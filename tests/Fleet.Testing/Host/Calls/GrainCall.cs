using Fleet.Testing.Host.Turns;
using Orleans;
using Orleans.CodeGeneration;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Testing.Host.Calls;

/// <summary>One call of a method: on its way, waiting, running, and answered once.</summary>
internal sealed class GrainCall<T>(CallServices services, GrainId targetId, IInvokable request, InvokeMethodOptions options) : TimedCall
{
    private readonly TaskCompletionSource<T> _answer = new(services.AnswerOptions);
    private readonly GrainId? _source = ((TaskScheduler.Current as TurnScheduler)?.Owner as IGrainContext)?.GrainId;

    private bool IsOneWay => (options & InvokeMethodOptions.OneWay) != 0;

    public override bool AlwaysInterleaves => (options & InvokeMethodOptions.AlwaysInterleave) != 0;

    public override bool IsReadOnly => (options & InvokeMethodOptions.ReadOnly) != 0;

    public override bool KeepsAlive => true;

    public override bool IsLocal => false;

    public override bool IsAbandoned => _answer.Task.IsCompleted && !IsOneWay;

    public Task<T> Send(ICallTarget target)
    {
        if (IsOneWay) _answer.SetResult(default!);
        else services.DeadlinesFor(request.GetDefaultResponseTimeout())?.Watch(this);
        target.Send(targetId, this);
        return _answer.Task;
    }

    public override void Reject(Exception reason) => Fail(reason);

    public override void Expire(TimeSpan timeout)
    {
        if (!_answer.TrySetException(new TimeoutException($"No answer within {timeout} to {this}."))) return;
        services.Logger.CallTimedOut(ToString(), timeout);
    }

    protected override async Task Run()
    {
        try
        {
            request.SetTarget(Host);
            var response = HasFilters ? await new FilteredCall(services, request, Host, targetId, _source).Run() : await request.Invoke();
            if (response.Exception is { } failure) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
            var result = OrleansTypes.Copier.Copy(response.GetResult<T>());
            Host.Finished(this, null);
            Succeed(result!);
        }
        catch (Exception e)
        {
            Host.Finished(this, e);
            Fail(e);
        }
    }

    private bool HasFilters => Host is IGrainContext && (services.Filters.Length > 0 || Host.Instance is IIncomingGrainCallFilter);

    private void Succeed(T result)
    {
        CallDeadlines.Forget(this);
        _answer.TrySetResult(result);
    }

    private void Fail(Exception reason)
    {
        CallDeadlines.Forget(this);
        // Nobody else will hear of it. That an observer has gone is not worth a line for each call.
        if (!_answer.TrySetException(reason) && reason is not ClientNotAvailableException) services.Logger.UnheardFailure(ToString(), reason);
    }

    public override string ToString() => $"{request.GetInterfaceName()}.{request.GetMethodName()} of {targetId}";
}
