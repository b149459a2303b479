using System.Net.Sockets;
using System.Text;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>Makes one attempt over HTTP.</summary>
/// <param name="http">Follows no redirections and keeps no cookies.</param>
internal sealed class RuleSender(HttpMessageInvoker http, TimeProvider clock, RuleMetrics metrics) : IDisposable
{
    /// <summary>Of an answer that says no, kept as the error.</summary>
    private const int DetailBytes = 256;

    /// <param name="attempt">From 1.</param>
    /// <exception cref="OperationCanceledException">The caller has cancelled it.</exception>
    public async Task<AttemptOutcome> Send(
        RuleName rule, RuleDefinition definition, QueuedMessage message, int attempt, CancellationToken cancellation)
    {
        long start = clock.GetTimestamp();
        metrics.Begun();
        AttemptOutcome? outcome = null;
        using var timeout = new CancellationTokenSource(definition.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            using var request = RuleRequest.Of(rule, definition, message, attempt, clock.GetUtcNow());
            using var response = await http.SendAsync(request, either.Token).ConfigureAwait(false);
            string detail = response.IsSuccessStatusCode ? "" : await BeginningOf(response, either.Token).ConfigureAwait(false);
            outcome = AttemptOutcome.Of((int)response.StatusCode, RetryAfterOf(response), detail);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The handler gives up on a connection before that, in the same words.
            outcome = new AttemptOutcome.Failed(timeout.IsCancellationRequested
                ? $"There was no answer within {definition.Timeout.TotalSeconds:0.###} s." : "There was no connection in time.");
        }
        // All the ways in which a network fails: names, routes, TLS, connections that break.
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
        {
            outcome = new AttemptOutcome.Failed(Describe(e));
        }
        finally
        {
            metrics.Ended(EndOf(outcome), clock.GetElapsedTime(start));
        }
        if (outcome is AttemptOutcome.Delivered) metrics.Delivered(clock.GetUtcNow() - message.ReceivedAt);
        return outcome;
    }

    public void Dispose() => http.Dispose();

    private TimeSpan? RetryAfterOf(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date - clock.GetUtcNow() is var wait && wait > TimeSpan.Zero => wait,
        _ => null,
    };

    private static async Task<string> BeginningOf(HttpResponseMessage response, CancellationToken cancellation)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[DetailBytes];
        int read = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation).ConfigureAwait(false);
        return string.Concat(Encoding.UTF8.GetString(buffer, 0, read).Select(c => char.IsControl(c) ? ' ' : c)).Trim();
    }

    private static string Describe(Exception e) => e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message;

    private static AttemptEnd EndOf(AttemptOutcome? outcome) => outcome switch
    {
        AttemptOutcome.Delivered => AttemptEnd.Delivered,
        AttemptOutcome.Refused => AttemptEnd.Refused,
        AttemptOutcome.Failed => AttemptEnd.Failed,
        _ => AttemptEnd.Cancelled,
    };
}
