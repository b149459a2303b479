using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Shadows;

/// <summary>What a request comes to.</summary>
/// <param name="Answers">The messages to publish, in this order.</param>
/// <param name="Next">Null when nothing changes.</param>
internal sealed record ShadowDecision(ImmutableArray<TopicMessage> Answers, ShadowState? Next);

/// <summary>The rules of a shadow (spec/aws-iot-topics.md, section 1).</summary>
internal static class ShadowCore
{
    /// <summary>Desired and reported together, as compact JSON without metadata (spec 1.7).</summary>
    public const int MaxDocumentBytes = 8 * 1_024;

    /// <param name="sessionEpoch">See <see cref="Interfaces.Devices.FirmwareReport"/>.</param>
    public static ShadowDecision Update(
        ShadowState state, ShadowAddress address, ReadOnlySpan<byte> body, DateTimeOffset now, SessionEpoch? sessionEpoch = null)
    {
        var (update, rejection) = ShadowRequest.ReadUpdate(body);
        if (update is null) return Reject(rejection!);
        var previous = state.Document;
        // A shadow that never existed has no version to conflict with; the first one will be 1.
        if (previous is null && update.Version is not (null or 1)) return Reject(new(400, "Invalid version", update.ClientToken));
        if (previous is not null && update.Version is { } expected && expected != previous.Version)
            return Reject(new(409, "Version conflict", update.ClientToken));

        long timestamp = now.ToUnixTimeSeconds();
        var current = Merge(previous, update, timestamp);
        if (ShadowJson.Write(writer => current.WriteState(writer)).Length > MaxDocumentBytes)
            return Reject(new(413, "The payload exceeds the maximum size allowed", update.ClientToken));

        var answers = new ShadowAnswers(address, timestamp, update.ClientToken);
        var messages = ImmutableArray.CreateBuilder<TopicMessage>(3);
        if (ShadowDelta.Of(current.Desired, current.Reported) is { } delta) messages.Add(answers.Delta(delta, current.Version));
        messages.Add(answers.Documents(previous, current));
        messages.Add(answers.UpdateAccepted(update, current.Version));
        return new ShadowDecision(messages.ToImmutable(), new ShadowState
        {
            Document = current,
            UnsentReport = address.IsClassic ? ShadowReport.Of(update, current.Version, now, state.UnsentReport, sessionEpoch) : null,
        });

        ShadowDecision Reject(ShadowRejection reason) => new(
            [new ShadowAnswers(address, now.ToUnixTimeSeconds(), reason.ClientToken).Rejected("update", reason.Code, reason.Message)],
            Next: null);
    }

    public static TopicMessage Get(ShadowState state, ShadowAddress address, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        var (token, rejection) = ShadowRequest.ReadGet(body);
        if (rejection is null && state.Document is null)
            rejection = new(404, $"No shadow exists with name: '{address.DisplayName}'", token);
        var answers = new ShadowAnswers(address, now.ToUnixTimeSeconds(), token);
        return rejection is null ? answers.GetAccepted(state.Document!) : answers.Rejected("get", rejection.Code, rejection.Message);
    }

    private static ShadowDocument Merge(ShadowDocument? previous, ShadowUpdate update, long timestamp)
    {
        var next = (previous ?? new ShadowDocument(0, null, null)) with { Version = (previous?.Version ?? 0) + 1 };
        if (update.State.ValueKind is System.Text.Json.JsonValueKind.Null) return next with { Desired = null, Reported = null };
        foreach (var section in update.Sections)
        {
            next = section.Name is "desired"
                ? next with { Desired = ShadowMerge.Section(next.Desired, section.Value, timestamp) }
                : next with { Reported = ShadowMerge.Section(next.Reported, section.Value, timestamp) };
        }
        return next;
    }
}
