using System.Diagnostics.Metrics;

namespace Fleet.Gateway.Downloads;

internal sealed class DownloadMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _requests = Meter(meters).CreateCounter<long>("fleet.download.requests", "{request}", "Download requests by status.");
    private readonly Counter<long> _bytes = Meter(meters).CreateCounter<long>("fleet.download.sent", "By", "Bytes of firmware sent over HTTP.");

    public void Answered(int status, long bytes)
    {
        _requests.Add(1, new KeyValuePair<string, object?>("http.response.status_code", status));
        _bytes.Add(bytes);
    }

    private static Meter Meter(IMeterFactory meters) => meters.Create("Fleet.Gateway");
}
