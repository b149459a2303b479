using Fleet.Grains.Records;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Grains.Certificates;

/// <summary>
/// Counts what a claim is used for, durably and before it is done. One reminder of the claim's, and none of each certificate's, sees to it
/// that those go that nobody registers with.
/// </summary>
internal sealed class ClaimGrain(
    [PersistentState("claim")] IPersistentState<ClaimState> record, IOptions<ClaimOptions> options, ClaimMetrics metrics,
    TimeProvider clock, ILogger<ClaimGrain> log) : Grain, IClaimGrain, IRemindable
{
    private const string Sweep = "sweep";

    private static readonly TimeSpan SweepEvery = TimeSpan.FromMinutes(1);

    private readonly OncePerMinute _refusals = new(clock);
    private IGrainReminder? _sweep;

    private DateTimeOffset Now => clock.GetUtcNow();

    public Task<ClaimUse> GetUse() => Task.FromResult(ClaimCore.Use(record.State, options.Value, Now));

    public Task<ClaimRefusal?> WhyNot()
    {
        var refusal = ClaimCore.WhyNot(record.State, options.Value, Now);
        if (refusal is not null) Tell(refusal);
        return Task.FromResult(refusal);
    }

    public async Task<ClaimRefusal?> Issue(CertificateId certificate)
    {
        if (await WhyNot() is { } refusal) return refusal;
        // The reminder first: one with nothing to sweep removes itself.
        _sweep ??= await this.RegisterOrUpdateReminder(Sweep, SweepEvery, SweepEvery);
        await this.Save(record, ClaimCore.Issue(record.State, certificate, options.Value, Now));
        return null;
    }

    /// <summary>It rides on the next write: if that never comes, the sweep finds a certificate that is in use, and leaves it.</summary>
    public Task Registered(CertificateId certificate)
    {
        record.State = ClaimCore.Registered(record.State, certificate);
        return Task.CompletedTask;
    }

    public Task SetLimits(ClaimLimits limits) =>
        limits == record.State.Limits ? Task.CompletedTask : this.Save(record, record.State with { Limits = limits });

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        var abandoned = ClaimCore.Abandoned(record.State, Now);
        if (!abandoned.IsEmpty)
        {
            bool[] gone = await Task.WhenAll(abandoned.Select(TryForget));
            await this.Save(record, ClaimCore.Swept(record.State, [.. abandoned.Where((_, i) => gone[i])]));
        }
        if (!record.State.Pending.IsEmpty || (_sweep ?? await this.GetReminder(Sweep)) is not { } sweep) return;
        await this.UnregisterReminder(sweep);
        _sweep = null;
    }

    /// <returns>False: its own time, which was set after the claim's, is not up; a device may still register with it.</returns>
    private async Task<bool> TryForget(string id)
    {
        var certificate = GrainFactory.GetGrain<ICertificateGrain>(id);
        if (await certificate.Get() is { Status: CertificateStatus.PendingActivation }) return false;
        await certificate.ForgetIfUnused();
        return true;
    }

    private void Tell(ClaimRefusal refusal)
    {
        metrics.Refused(refusal.Limit);
        if (_refusals.IsDue()) log.ClaimRefused(this.GetPrimaryKeyString(), refusal.Detail);
    }
}
