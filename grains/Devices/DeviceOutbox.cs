using System.Text.Json.Serialization;
using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Devices;

/// <summary>
/// What the device still has to tell. An entry names what it is about and not what to say: whoever sends it says how things stand then,
/// so that a newer change takes the place of an older one and the outbox stays as small as the number of open executions.
/// </summary>
internal sealed record DeviceOutbox
{
    public static readonly DeviceOutbox Empty = new();

    public ImmutableArray<OwedReport> Reports { get => field.IsDefault ? [] : field; init; }
    public OwedNotification? Notification { get; init; }

    [JsonIgnore]
    public bool IsEmpty => Reports.IsEmpty && Notification is null;

    public DeviceOutbox With(DeviceEffect effect) => effect switch
    {
        SendReport r => this with { Reports = [.. Reports.Where(o => !o.Is(r.JobId, r.Number)), new(r.JobId, r.Number, r.Revision)] },
        SendNotification n => this with
        {
            Notification = Notification is { } owed && owed.SessionId == n.SessionId
                ? owed with { Notify = owed.Notify || n.Notify, NotifyNext = owed.NotifyNext || n.NotifyNext }
                : new(n.SessionId, n.Notify, n.NotifyNext),
        },
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>The shard has stored this revision; a newer one of the same execution stays owed.</summary>
    public DeviceOutbox WithoutReport(OwedReport sent) =>
        this with { Reports = [.. Reports.Where(o => !o.Is(sent.JobId, sent.Number) || o.Revision > sent.Revision)] };

    public DeviceOutbox WithoutNotification(OwedNotification sent) => Notification == sent ? this with { Notification = null } : this;
}

/// <summary>A report that the shard has not acknowledged. Its id is all three together.</summary>
internal sealed record OwedReport(JobId JobId, int Number, long Revision)
{
    public bool Is(JobId job, int number) => JobId == job && Number == number;
}

/// <summary>notify and notify-next for one session; worth nothing to a later one, which asks for itself (spec 2.6).</summary>
internal sealed record OwedNotification(string SessionId, bool Notify, bool NotifyNext);

/// <summary>What the shell does after the write.</summary>
internal abstract record DeviceEffect;

/// <summary>Tell the shard how the execution stands.</summary>
internal sealed record SendReport(JobId JobId, int Number, long Revision) : DeviceEffect;

/// <summary>Tell the device that its list of jobs changed.</summary>
internal sealed record SendNotification(string SessionId, bool Notify, bool NotifyNext) : DeviceEffect;
