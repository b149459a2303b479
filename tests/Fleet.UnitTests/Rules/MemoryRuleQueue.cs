using System.Collections.Concurrent;
using System.Text;
using Fleet.Gateway.Rules;

namespace Fleet.UnitTests.Rules;

/// <summary>A queue that notes what is appended; its writes can be held up, and fail.</summary>
internal sealed class MemoryRuleQueue : IRuleQueue
{
    private readonly ConcurrentQueue<RuleMessage> _messages = new();
    private TaskCompletionSource? _held;

    public IReadOnlyList<RuleMessage> Messages => [.. _messages];

    /// <summary>As "rule: topic=payload".</summary>
    public IReadOnlyList<string> Lines => [.. _messages.Select(m => $"{m.Rule}: {m.Topic}={Encoding.UTF8.GetString(m.Payload.Span)}")];

    public Exception? Failure { get; set; }

    /// <summary>How often it was asked who holds how much.</summary>
    public int Counts { get; private set; }

    /// <summary>The rule works off all that is there.</summary>
    public void Empty() => _messages.Clear();

    /// <summary>The rule works off what one publisher has there.</summary>
    public void Remove(string clientId)
    {
        RuleMessage[] others = [.. _messages.Where(message => message.ClientId != clientId)];
        _messages.Clear();
        foreach (var message in others) _messages.Enqueue(message);
    }

    /// <summary>What the store says that the queue holds; null: what was appended.</summary>
    public QueueFill? Fill { get; set; }

    public void Hold() => _held = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release() => _held?.TrySetResult();

    public async Task<QueueFill?> Append(RuleMessage message, CancellationToken cancellation)
    {
        if (_held is { } held) await held.Task;
        if (Failure is { } failure) throw failure;
        _messages.Enqueue(message);
        return await GetFill(message.Rule, cancellation);
    }

    public Task<IReadOnlyList<PublisherFill>> GetHolders(
        string rule, long messageBytes, long atLeastBytes, CancellationToken cancellation)
    {
        Counts++;
        return Task.FromResult<IReadOnlyList<PublisherFill>>([.. _messages.Where(m => m.Rule == rule && m.Publisher is not null)
            .GroupBy(m => m.Publisher!, m => Math.Max(m.Payload.Length, messageBytes))
            .Select(mine => new PublisherFill(mine.Key, mine.Sum())).Where(mine => mine.Bytes >= atLeastBytes)]);
    }

    public Task<QueueFill?> GetFill(string rule, CancellationToken cancellation) =>
        Task.FromResult<QueueFill?>(Fill ?? new QueueFill(_messages.Count, _messages.Sum(m => (long)m.Payload.Length)));
}
