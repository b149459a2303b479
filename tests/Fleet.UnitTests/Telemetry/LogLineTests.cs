using System.Globalization;
using System.Text.Json;
using Fleet.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.UnitTests.Telemetry;

/// <summary>What others call themselves cannot pass for a line of the log, and does nothing to a terminal.</summary>
public sealed class LogLineTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<string, string> Hostile => new()
    {
        { "a\nb", @"a\u000Ab" }, { "a\r\nb", @"a\u000D\u000Ab" }, { "\0", @"\u0000" }, { "\t", @"\u0009" },
        { "\u001B[2J", @"\u001B[2J" }, { "\u007F", @"\u007F" }, { "\u0085\u009B", @"\u0085\u009B" },
        { "\u2028\u2029", @"\u2028\u2029" }, { "\u202Eevil\u2066", @"\u202Eevil\u2066" }, { "\u200F\u061C", @"\u200F\u061C" },
        { "\uFEFF", @"\uFEFF" }, { "\U000E0041", @"\U000E0041" },
        { "", "" }, { @"a\u000Ab", @"a\\u000Ab" }, { "амр-7 😀 ~", "амр-7 😀 ~" },
    };

    [Theory, MemberData(nameof(Hostile))]
    public void Text_of_others_is_escaped(string text, string escaped) => Assert.Equal(escaped, LogText.Escape(text));

    // No theory: a test runner does not carry what is no Unicode.
    [Fact]
    public void Half_a_surrogate_pair_is_escaped()
    {
        Assert.Equal(@"a\uD800b", LogText.Escape("a\uD800b"));
        Assert.Equal(@"\uDC00", LogText.Escape("\uDC00"));
    }

    [Fact]
    public void An_entry_is_one_line_whatever_is_in_it()
    {
        var e = new InvalidOperationException("first\n2026-01-01T12:00:00.000Z info: Fleet[1] forged\u001B[31m");
        Assert.Equal(
            @"2026-01-01T12:00:00.000Z warn: Fleet.Gateway[3041] Client x\u000A2026 flaps System.InvalidOperationException: "
            + @"first 2026-01-01T12:00:00.000Z info: Fleet[1] forged\u001B[31m" + "\n",
            Format(new LogLineFormatter(new FakeTimeProvider(Noon)), "Client x\n2026 flaps", e));
    }

    [Theory, InlineData(null, "fleet"), InlineData("simple", "fleet"), InlineData("systemd", "fleet"), InlineData("json", "json")]
    public void The_console_has_a_formatter_that_escapes(string? configured, string chosen)
    {
        using var services = Services(configured);
        var options = services.GetRequiredService<IOptions<ConsoleLoggerOptions>>().Value;
        Assert.Equal((chosen, LogLevel.Trace), (options.FormatterName, options.LogToStandardErrorThreshold));
        Assert.Single(services.GetServices<ConsoleFormatter>(), formatter => formatter.Name == chosen);
    }

    [Fact]
    public void JSON_escapes_all_that_is_no_ASCII()
    {
        using var services = Services("json");
        string line = Format(
            services.GetServices<ConsoleFormatter>().Single(formatter => formatter.Name == "json"),
            string.Concat(Hostile.Select(row => row.Data.Item1)), new InvalidOperationException("\n\u202E"));
        Assert.Equal(line.Length - 1, line.IndexOf('\n', StringComparison.Ordinal));
        Assert.DoesNotContain(line[..^1], c => c is < ' ' or > '~');
        Assert.NotEqual(JsonValueKind.Undefined, JsonDocument.Parse(line).RootElement.ValueKind);
    }

    private static ServiceProvider Services(string? configured) => new ServiceCollection()
        .AddSingleton<TimeProvider>(new FakeTimeProvider(Noon))
        .AddLogging(logging => logging.AddFleetConsole())
        .Configure<ConsoleLoggerOptions>(options => options.FormatterName = configured).BuildServiceProvider();

    private static string Format(ConsoleFormatter formatter, string message, Exception? e)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        formatter.Write(new LogEntry<string>(LogLevel.Warning, "Fleet.Gateway", new EventId(3041), message, e, (state, _) => state), null, text);
        return text.ToString();
    }
}
