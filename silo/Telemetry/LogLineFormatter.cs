using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Fleet.Silo.Telemetry;

/// <summary>
/// One line for each entry of the log, whatever clients call themselves and their topics: the one place where text for a terminal is
/// escaped. The form is that of the simple formatter of Microsoft.Extensions.Logging.Console in its one-line form.
/// </summary>
internal sealed class LogLineFormatter(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "fleet";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        textWriter.Write($"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {NameOf(logEntry.LogLevel)}: ");
        textWriter.Write($"{LogText.Escape(logEntry.Category)}[{logEntry.EventId.Id}] {LogText.Escape(message)}");
        if (logEntry.Exception is { } exception) textWriter.Write($" {LogText.Join(exception.ToString())}");
        textWriter.Write('\n');
    }

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}

/// <summary>How the process logs to its console: standard error, for standard output is for the line that scripts read.</summary>
internal static class ConsoleLog
{
    /// <summary>
    /// Lines of text, or JSON with <c>Logging:Console:FormatterName=json</c>, whose writer escapes all that is no ASCII. The formatters
    /// that come with the framework write text as it is.
    /// </summary>
    public static ILoggingBuilder AddFleetConsole(this ILoggingBuilder logging)
    {
        logging.AddConsole().AddConsoleFormatter<LogLineFormatter, ConsoleFormatterOptions>();
        logging.Services.PostConfigure<ConsoleLoggerOptions>(options =>
        {
            options.LogToStandardErrorThreshold = LogLevel.Trace;
            if (options.FormatterName != ConsoleFormatterNames.Json) options.FormatterName = LogLineFormatter.FormatterName;
        });
        return logging;
    }
}
