namespace Fleet.Grains.Rules;

/// <summary>How an attempt ended.</summary>
internal abstract record AttemptOutcome
{
    private AttemptOutcome() { }

    /// <summary>2xx.</summary>
    public sealed record Delivered : AttemptOutcome;

    /// <summary>Another attempt may fare better.</summary>
    /// <param name="RetryAfter">What the receiver asked for; null: nothing.</param>
    public sealed record Failed(string Error, TimeSpan? RetryAfter = null) : AttemptOutcome;

    /// <summary>The receiver is there and does not want this message: the same will happen again.</summary>
    public sealed record Refused(string Error) : AttemptOutcome;

    /// <summary>Redirections are not followed: they lead where no operator has agreed to send anything.</summary>
    /// <param name="detail">The beginning of the answer's body.</param>
    public static AttemptOutcome Of(int status, TimeSpan? retryAfter, string detail)
    {
        string error = detail.Length == 0 ? $"HTTP {status}" : $"HTTP {status}: {detail}";
        return status switch
        {
            >= 200 and < 300 => new Delivered(),
            408 or 429 or >= 500 => new Failed(error, retryAfter),
            _ => new Refused(error),
        };
    }
}
