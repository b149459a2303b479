using Fleet.Gateway.Telemetry;

namespace Fleet.Gateway.Retained;

/// <param name="Principal">Whose share it counts towards; null: nobody's.</param>
/// <param name="Bytes">Topic, payload and properties.</param>
internal readonly record struct RetainedCharge(string? Principal, int Bytes);

internal abstract record RetainedVerdict
{
    private RetainedVerdict() { }

    public sealed record Kept(string? Principal) : RetainedVerdict;

    public sealed record Refused(RetainedLimit Limit) : RetainedVerdict;
}

/// <summary>
/// What the retained messages take, in all and by principal. A message counts towards whoever set it last. It holds what this gateway
/// shows, so it is right after a restart, and behind other gateways by what is on its way from them. Guarded by its owner's lock.
/// </summary>
internal sealed class RetainedBudget(RetainedOptions limits)
{
    private readonly Dictionary<string, Share> _shares = new(StringComparer.Ordinal);
    private Share _all;

    public long Bytes => _all.Bytes;

    /// <summary>
    /// May a message take the place of its topic's? What is no larger may always: if its principal has no room for it, it counts towards
    /// whom the one before did.
    /// </summary>
    /// <param name="before">What the topic has; null: nothing.</param>
    public RetainedVerdict Decide(RetainedCharge? before, in RetainedCharge after)
    {
        bool isOwn = before is { } own && own.Principal == after.Principal;
        var share = after.Principal is null ? default : _shares.GetValueOrDefault(after.Principal);
        RetainedLimit? over = before is null && _all.Messages >= limits.MaxRetainedMessages ? RetainedLimit.Messages
            : _all.Bytes - (before?.Bytes ?? 0) + after.Bytes > limits.MaxRetainedBytes ? RetainedLimit.Bytes
            : after.Principal is null ? null
            : !isOwn && share.Messages >= limits.MaxRetainedMessagesPerPrincipal ? RetainedLimit.PrincipalMessages
            : share.Bytes - (isOwn ? before!.Value.Bytes : 0) + after.Bytes > limits.MaxRetainedBytesPerPrincipal
                ? RetainedLimit.PrincipalBytes
            : null;
        return over is not { } limit ? new RetainedVerdict.Kept(after.Principal)
            : before is { } larger && larger.Bytes >= after.Bytes ? new RetainedVerdict.Kept(larger.Principal)
            : new RetainedVerdict.Refused(limit);
    }

    /// <summary>A topic's message has changed.</summary>
    /// <param name="before">Null: it had none.</param>
    /// <param name="after">Null: it has none any more.</param>
    public void Move(RetainedCharge? before, RetainedCharge? after)
    {
        if (before is { } old)
        {
            _all = _all.Without(old);
            if (old.Principal is { } loser) Set(loser, _shares[loser].Without(old));
        }
        if (after is not { } charge) return;
        _all = _all.With(charge);
        if (charge.Principal is { } principal) Set(principal, _shares.GetValueOrDefault(principal).With(charge));
    }

    private void Set(string principal, in Share share)
    {
        if (share.Messages == 0) _shares.Remove(principal);
        else _shares[principal] = share;
    }

    private readonly record struct Share(int Messages, long Bytes)
    {
        public Share With(in RetainedCharge charge) => new(Messages + 1, Bytes + charge.Bytes);
        public Share Without(in RetainedCharge charge) => new(Messages - 1, Bytes - charge.Bytes);
    }
}
