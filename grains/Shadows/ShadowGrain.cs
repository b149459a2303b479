using Fleet.Grains.Records;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Shadows;

namespace Fleet.Grains.Shadows;

internal sealed class ShadowGrain([PersistentState("shadow")] IPersistentState<ShadowState> record, TimeProvider clock)
    : Grain, IShadowGrain
{
    private static readonly TimeSpan ReportRetry = TimeSpan.FromSeconds(30);

    private ShadowAddress? _address;
    private IGrainTimer? _retry;

    private ShadowAddress Address => _address ??= ShadowAddress.Parse(this.GetPrimaryKeyString());

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(record);
        if (record.State.UnsentReport is not null) RetryIn(TimeSpan.Zero);
        return Task.CompletedTask;
    }

    public Task<TopicMessage> Get(ReadOnlyMemory<byte> request) =>
        Task.FromResult(ShadowCore.Get(record.State, Address, request.Span, clock.GetUtcNow()));

    public async Task<ImmutableArray<TopicMessage>> Update(ReadOnlyMemory<byte> request, SessionEpoch? sessionEpoch)
    {
        var decision = ShadowCore.Update(record.State, Address, request.Span, clock.GetUtcNow(), sessionEpoch);
        if (decision.Next is { } next)
        {
            await Save(next);
            // Before the answer: a device that is told "accepted" may rely on its firmware being known.
            await Report();
        }
        return decision.Answers;
    }

    /// <summary>
    /// Tells the device grain. That nothing is left to tell rides on the next write; a crash before it repeats the report, and the shadow's
    /// version in it makes the repeat harmless.
    /// </summary>
    private async Task Report()
    {
        if (record.State.UnsentReport is { } report)
        {
            try { await GrainFactory.GetGrain<IDeviceGrain>(Address.Thing.Value).ReportFirmware(report); }
            catch { RetryIn(ReportRetry); throw; }
            record.State = record.State with { UnsentReport = null };
        }
        _retry?.Dispose();
        _retry = null;
    }

    private void RetryIn(TimeSpan dueTime) => _retry ??= this.RegisterGrainTimer(Report, dueTime, ReportRetry);

    private Task Save(ShadowState next) => this.Save(record, next);
}
