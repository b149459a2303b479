namespace Fleet.Silo.Telemetry;

/// <summary>Whether metrics and traces leave by OTLP: they do if somebody said where to, with OpenTelemetry's own settings.</summary>
internal static class OtlpExport
{
    private static readonly string[] Endpoints =
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

    public static bool IsWanted(IConfiguration configuration) => Endpoints.Any(setting => !string.IsNullOrEmpty(configuration[setting]));
}
