using Fleet.Grains.Records;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Options;

namespace Fleet.Grains.Certificates;

/// <summary>
/// A device's certificate is asked for when it connects, and then perhaps for months no more: once it has said that it is good, its grain
/// leaves. Kept, it would be a third of what a fleet's grains take; and what leaves as young as this is cheap to collect.
/// </summary>
[CollectionAgeLimit(Minutes = 2)]
internal sealed class CertificateGrain(
    [PersistentState("certificate")] IPersistentState<CertificateState> record, IOptions<ClaimOptions> options, TimeProvider clock)
    : Grain, ICertificateGrain, IRemindable
{
    /// <summary>
    /// Of earlier versions, each of whose certificates waited by itself for the end of its token: the last is over in an hour.
    /// </summary>
    private const string Abandoned = "abandoned";
    private const string Ending = "ending";

    /// <summary>Not at once: of many calls that meet one deactivation after the other, Orleans gives up.</summary>
    private static readonly TimeSpan LeavesAfter = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan EndAgainAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan EndAgainEvery = TimeSpan.FromMinutes(1);
    private IGrainReminder? _endingReminder;
    private IGrainTimer? _ending, _leaving;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        this.LeaveIfUnknown(record);
        return Task.CompletedTask;
    }

    public Task<CertificateView?> Get()
    {
        var view = CertificateCore.View(record.State, clock.GetUtcNow());
        if (view is { Status: CertificateStatus.Active })
            _leaving ??= this.RegisterGrainTimer(Leave, LeavesAfter, Timeout.InfiniteTimeSpan);
        return Task.FromResult(view);
    }

    public async Task Record(CertificateView certificate, string? ownershipTokenSha256)
    {
        var lifetime = TimeSpan.FromMinutes(options.Value.PendingMinutes);
        var next = CertificateCore.Record(record.State, certificate, ownershipTokenSha256, lifetime, clock.GetUtcNow());
        if (next != record.State) await Save(next);
    }

    public Task<bool> MayActivate(string ownershipToken, ThingName thing) =>
        Task.FromResult(CertificateCore.Activate(record.State, ownershipToken, thing, clock.GetUtcNow()) is not null);

    public async Task<bool> Activate(string ownershipToken, ThingName thing)
    {
        if (CertificateCore.Activate(record.State, ownershipToken, thing, clock.GetUtcNow()) is not { } next) return false;
        if (next != record.State) await Save(next);
        return true;
    }

    public async Task ForgetIfUnused()
    {
        if (CertificateCore.IsAbandoned(record.State, clock.GetUtcNow())) await this.Clear(record);
    }

    public async Task<bool> Revoke()
    {
        if (CertificateCore.Revoke(record.State, clock.GetUtcNow()) is not { } next) return false;
        if (next != record.State)
        {
            // The reminder first: a silo that dies after the write leaves nobody else to tell the gateways.
            _endingReminder = await this.RegisterOrUpdateReminder(Ending, EndAgainEvery, EndAgainEvery);
            await Save(next);
        }
        // A repeat tells the gateways again: who got no answer to the first cannot know how far it came.
        await EndSessions();
        return true;
    }

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        if (reminderName == Ending)
        {
            await EndSessions();
            return;
        }
        await ForgetIfUnused();
        if (record.State.Certificate is { Status: CertificateStatus.PendingActivation }) return;
        if (await this.GetReminder(Abandoned) is { } waiting) await this.UnregisterReminder(waiting);
    }

    /// <summary>
    /// From now on no CONNECT gets in with it, and a gateway that heard this lets none through that it is just deciding. One that cannot be
    /// told now is told again until it is, or dead: by the timer, or by the reminder if this silo dies first.
    /// </summary>
    private async Task EndSessions()
    {
        _ending?.Dispose();
        _ending = null;
        // If the write was lost after the reminder was registered, the certificate is good, and so are its sessions.
        if (record.State.Certificate is { Status: CertificateStatus.Revoked } revoked && !await GrainFactory.EndSessionsOf(revoked.Id))
        {
            _ending = this.RegisterGrainTimer(EndSessions, EndAgainAfter, Timeout.InfiniteTimeSpan);
            _endingReminder ??= await this.RegisterOrUpdateReminder(Ending, EndAgainEvery, EndAgainEvery);
        }
        else if ((_endingReminder ?? await this.GetReminder(Ending)) is { } ended)
        {
            await this.UnregisterReminder(ended);
            _endingReminder = null;
        }
    }

    private Task Leave()
    {
        _leaving = null;
        // Revoked meanwhile, it stays until the gateways know.
        if (_ending is null) DeactivateOnIdle();
        return Task.CompletedTask;
    }

    private Task Save(CertificateState next) => this.Save(record, next);
}
