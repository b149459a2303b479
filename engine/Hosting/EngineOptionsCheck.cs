using Microsoft.Extensions.Options;

namespace Fleet.Engine;

/// <summary>Refuses options the engine could not run with.</summary>
internal sealed class EngineOptionsCheck : IValidateOptions<EngineOptions>
{
    public ValidateOptionsResult Validate(string? name, EngineOptions options)
    {
        List<string> problems = [];
        if (options.ResponseTimeout != Timeout.InfiniteTimeSpan) Positive(options.ResponseTimeout, nameof(options.ResponseTimeout));
        Positive(options.CollectionAge, nameof(options.CollectionAge));
        Positive(options.CollectionQuantum, nameof(options.CollectionQuantum));
        Positive(options.ActivationTimeout, nameof(options.ActivationTimeout));
        Positive(options.DeactivationTimeout, nameof(options.DeactivationTimeout));
        Positive(options.MinimumReminderPeriod, nameof(options.MinimumReminderPeriod));
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);

        void Positive(TimeSpan value, string option)
        {
            if (value <= TimeSpan.Zero) problems.Add($"{nameof(EngineOptions)}.{option} is {value}; it must be longer than zero.");
        }
    }
}
