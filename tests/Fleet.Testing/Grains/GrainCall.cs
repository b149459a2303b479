using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.CodeGeneration;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Fleet.Testing.Grains;

/// <summary>A grain class, an observer: where calls go.</summary>
internal interface ICallTarget
{
    void Receive(GrainId to, WorkItem call);
}

/// <summary>One call of a method: on its way, waiting, running, and answered once.</summary>
internal sealed class GrainCall<T>(HostRuntime runtime, GrainId target, IInvokable request, InvokeMethodOptions options) : TimedCall
{
    private readonly TaskCompletionSource<T> _answer = new(runtime.AnswerOptions);
    private readonly GrainId? _source = (TaskScheduler.Current as TurnScheduler)?.Grain?.GrainId;
    private CancellationTokenRegistration _cancellation;

    public override bool AlwaysInterleaves => (options & InvokeMethodOptions.AlwaysInterleave) != 0;

    public override bool IsReadOnly => (options & InvokeMethodOptions.ReadOnly) != 0;

    public override bool IsAbandoned => _answer.Task.IsCompleted && !IsOneWay;

    private bool IsOneWay => (options & InvokeMethodOptions.OneWay) != 0;

    public Task<T> Send(ICallTarget to)
    {
        if (request.IsCancellable)
        {
            var cancellation = request.GetCancellationToken();
            if (cancellation.IsCancellationRequested) return Task.FromCanceled<T>(cancellation);
            _cancellation = cancellation.UnsafeRegister(static (self, cancellation) => ((GrainCall<T>)self!).Cancel(cancellation), this);
        }
        if (IsOneWay) _answer.SetResult(default!);
        else runtime.Deadlines.Watch(this, request.GetDefaultResponseTimeout() ?? runtime.Settings.ResponseTimeout);
        Travel(to);
        return _answer.Task;
    }

    public override void Reject(Exception reason) => Fail(reason);

    public override void Expire(TimeSpan timeout)
    {
        if (!_answer.TrySetException(new TimeoutException($"No answer within {timeout} to {this}."))) return;
        _cancellation.Dispose();
        runtime.Log.CallTimedOut(ToString(), timeout);
    }

    public override string ToString() => $"{request.GetInterfaceName()}.{request.GetMethodName()} of {target}";

    protected override async Task Run()
    {
        try
        {
            if (!IsAbandoned) await Invoke();
            else Host!.Finished(this, null);
        }
        catch (Exception e)
        {
            Host!.Finished(this, e);
            Fail(e);
        }
    }

    private void Travel(ICallTarget to)
    {
        if (runtime.IsStopped) Reject(new SiloUnavailableException($"The host has stopped: {this} was not run."));
        else if (runtime.Settings.Faults is not { } faults) to.Receive(target, this);
        else if (faults.RejectionOf(ToString(), isForwarded: false) is { } rejection) Reject(rejection);
        else if (faults.MayBeOvertaken(ToString())) new TurnScheduler(runtime.Turns).Post(_ => to.Receive(target, this), null);
        else to.Receive(target, this);
    }

    private async Task Invoke()
    {
        request.SetTarget(Host!);
        var filtered = FilteredCall.Of(runtime, request, Host!, target, _source);
        var response = filtered is null ? await request.Invoke() : await filtered.Run();
        if (response.Exception is { } failure) ExceptionDispatchInfo.Throw(failure);
        var result = OrleansTypes.Copier.Copy(response.GetResult<T>());
        Host!.Finished(this, null);
        CallDeadlines.Forget(this);
        _cancellation.Dispose();
        _answer.TrySetResult(result!);
    }

    // The caller hears of it at once, the grain in a turn of its own. A call that has not begun never does.
    private void Cancel(CancellationToken cancellation)
    {
        CallDeadlines.Forget(this);
        if (!_answer.TrySetCanceled(cancellation) && !IsOneWay) return;
        Host?.Scheduler.Post(static request => ((IInvokable)request!).TryCancel(), request);
    }

    private void Fail(Exception reason)
    {
        CallDeadlines.Forget(this);
        _cancellation.Dispose();
        // Nobody else will hear of it.
        if (!_answer.TrySetException(reason)) runtime.Log.UnheardFailure(ToString(), reason);
    }
}
