namespace Fleet.Silo.Telemetry;

/// <summary>Whether metrics and traces leave by OTLP: they do if somebody said where to (OpenTelemetry's own setting).</summary>
internal static class OtlpExport
{
    public static bool IsWanted(IConfiguration configuration) => !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
}
