using System.Collections.Concurrent;
using System.Text.Json;

namespace Fleet.DeviceSim.Agent.Wire;

/// <summary>The service's answer to a request: <c>…/accepted</c> or <c>…/rejected</c>.</summary>
/// <param name="Code">Of a rejection: a word in the jobs family, a number in the shadow family; null if accepted.</param>
internal sealed record Answer(bool Accepted, string? Code, ReadOnlyMemory<byte> Body)
{
    /// <summary>Worth another try in a moment.</summary>
    public bool IsPassing => Code is "RequestThrottled" or "InternalError" or "429" or "500";
}

/// <summary>Requests that wait for their answer, by client token.</summary>
internal sealed class Answers
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Answer>> _waiting = new(StringComparer.Ordinal);
    private int _tokens;

    public (string Token, Task<Answer> Answer) Expect()
    {
        var token = $"{Interlocked.Increment(ref _tokens)}";
        var waiter = new TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[token] = waiter;
        return (token, waiter.Task);
    }

    public void Forget(string token) => _waiting.TryRemove(token, out _);

    /// <summary>An answer to nobody (late, repeated, or to another connection of this thing) is dropped.</summary>
    public void OnAnswer(bool accepted, ReadOnlyMemory<byte> body)
    {
        if (TryRead(body.Span, out var token, out var code) && token is not null && _waiting.TryRemove(token, out var waiter))
            waiter.TrySetResult(new Answer(accepted, accepted ? null : code ?? "unknown", body));
    }

    private static bool TryRead(ReadOnlySpan<byte> body, out string? token, out string? code)
    {
        (token, code) = (null, null);
        try
        {
            var reader = new Utf8JsonReader(body);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return false;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isToken = reader.ValueTextEquals("clientToken"u8), isCode = reader.ValueTextEquals("code"u8);
                reader.Read();
                if (isToken && reader.TokenType == JsonTokenType.String) token = reader.GetString();
                else if (isCode) code = reader.TokenType == JsonTokenType.Number ? $"{reader.GetInt32()}" : reader.GetString();
                else reader.Skip();
            }
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return false;    // not an answer anyone can use: the request is repeated when its time is up
        }
    }
}
